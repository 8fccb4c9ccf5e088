#include "fake_ioctl.h"

#include <linux/vfio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>

namespace vfio::test {

Answer& FakeIoctl() {
  static Answer answer;
  return answer;
}

}  // namespace vfio::test

// Replaces ioctl() of the C library, so that the tests run on a machine without VFIO.
extern "C" __attribute__((visibility("default"))) int ioctl(int fd, unsigned long request,
                                                            ...) noexcept {
  va_list arguments;
  va_start(arguments, request);
  void* argument = va_arg(arguments, void*);
  va_end(arguments);
  if (_IOC_TYPE(request) != VFIO_TYPE) {
    return static_cast<int>(syscall(SYS_ioctl, fd, request, argument));
  }
  const int result = vfio::test::FakeIoctl()(fd, request, argument);
  if (result >= 0) return result;
  errno = -result;
  return -1;
}
