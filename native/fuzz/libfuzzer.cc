// Runs one target with libFuzzer. A compiler option, such as -DTARGET=FuzzInfo, selects the target.

#include "targets.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  vfio::fuzz::TARGET(vfio::fuzz::Input(data, size));
  return 0;
}
