// A library that is preloaded into Node. The library logs each VFIO_DEVICE_FEATURE call and the
// result of the call. Each call adds one line to the file that VFIO_TEST_FEATURES names. A line
// contains the process id, the flags in hex, and 0 or an errno.

#include <fcntl.h>
#include <linux/vfio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "fake_ioctl.h"

namespace vfio::test {
namespace {

void Log(__u32 flags, int error) {
  char line[64];
  const int size = std::snprintf(line, sizeof(line), "%d %x %d\n", getpid(), flags, error);
  const int fd = open(std::getenv("VFIO_TEST_FEATURES"), O_WRONLY | O_APPEND | O_CREAT, 0600);
  if (fd < 0 || write(fd, line, static_cast<size_t>(size)) != size) std::abort();
  close(fd);
}

int PassOn(int fd, unsigned long request, void* argument) {
  // The kernel can overwrite the argument, so the flags are read before the call.
  const __u32 flags =
      request == VFIO_DEVICE_FEATURE ? static_cast<const vfio_device_feature*>(argument)->flags : 0;
  const auto result = static_cast<int>(syscall(SYS_ioctl, fd, request, argument));
  const int error = result < 0 ? errno : 0;
  if (request == VFIO_DEVICE_FEATURE) Log(flags, error);
  return result < 0 ? -error : result;
}

__attribute__((constructor)) void Install() { FakeIoctl() = PassOn; }

}  // namespace
}  // namespace vfio::test
