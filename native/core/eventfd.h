#ifndef VFIO_CORE_EVENTFD_H_
#define VFIO_CORE_EVENTFD_H_

#include <cstddef>
#include <cstdint>

namespace vfio::core {

// Creates an eventfd that is non-blocking and CLOEXEC.
int EventfdCreate();
// Adds `count` to the counter. -EAGAIN if the counter would exceed 2^64 - 2.
int EventfdSignal(int eventfd, uint64_t count);
// Adds 1 to each counter in order. Stops at the first failure and returns its errno.
int EventfdSignalAll(const int32_t* eventfds, size_t count);
// Reads and resets the counter. `count` is 0 if nothing was signalled.
int EventfdRead(int eventfd, uint64_t* count);

}  // namespace vfio::core

#endif  // VFIO_CORE_EVENTFD_H_
