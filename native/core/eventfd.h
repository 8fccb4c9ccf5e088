#ifndef VFIO_CORE_EVENTFD_H_
#define VFIO_CORE_EVENTFD_H_

#include <cstddef>
#include <cstdint>

namespace vfio::core {

// Non-blocking, CLOEXEC.
int EventfdCreate();
int EventfdSignal(int eventfd, uint64_t count);
// Adds 1 to each, up to the first that fails.
int EventfdSignalAll(const int32_t* eventfds, size_t count);
// Takes the counter; 0 if nothing is pending.
int EventfdRead(int eventfd, uint64_t* count);

}  // namespace vfio::core

#endif  // VFIO_CORE_EVENTFD_H_
