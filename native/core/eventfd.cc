#include "eventfd.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include "call.h"

namespace vfio::core {

int EventfdCreate() { return Result(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)); }

int EventfdSignal(int eventfd, uint64_t count) {
  return static_cast<int>(Result(write(eventfd, &count, sizeof(count))));
}

int EventfdSignalAll(const int32_t* eventfds, size_t count) {
  for (size_t i = 0; i < count; i++) {
    const int result = EventfdSignal(eventfds[i], 1);
    if (result < 0) return result;
  }
  return 0;
}

int EventfdRead(int eventfd, uint64_t* count) {
  *count = 0;
  const int result = static_cast<int>(Result(read(eventfd, count, sizeof(*count))));
  return result == -EAGAIN ? 0 : result;
}

}  // namespace vfio::core
