#ifndef VFIO_CORE_EVENTFD_H_
#define VFIO_CORE_EVENTFD_H_

#include <cstddef>
#include <cstdint>

namespace vfio::core {

// Creates an eventfd that is non-blocking and CLOEXEC.
int EventfdCreate();
// Adds `count` to the counter. Returns -EAGAIN if the counter would exceed 2^64 - 2.
int EventfdSignal(int eventfd, uint64_t count);
// Adds 1 to the counter of each eventfd, in the given order. Stops at the first failure and returns
// the negative errno of the failure.
int EventfdSignalAll(const int32_t* eventfds, size_t count);
// Reads and resets the counter. If the eventfd was not signalled, `count` is 0.
int EventfdRead(int eventfd, uint64_t* count);

}  // namespace vfio::core

#endif  // VFIO_CORE_EVENTFD_H_
