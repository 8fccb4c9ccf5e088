#ifndef VFIO_FUZZ_TARGETS_H_
#define VFIO_FUZZ_TARGETS_H_

#include "input.h"

namespace vfio::fuzz {

// Each target aborts if the code under test gives a wrong result for the input.
void FuzzInfo(Input input);
void FuzzWindow(Input input);
void FuzzEventSet(Input input);
void FuzzMessages(Input input);

}  // namespace vfio::fuzz

#endif  // VFIO_FUZZ_TARGETS_H_
