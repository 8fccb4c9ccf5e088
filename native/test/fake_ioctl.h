#ifndef VFIO_TEST_FAKE_IOCTL_H_
#define VFIO_TEST_FAKE_IOCTL_H_

#include <functional>

namespace vfio::test {

// What answers the ioctls of VFIO and iommufd in place of the kernel: fd, request and argument
// to the result, or a negative errno.
using Answer = std::function<int(int, unsigned long, void*)>;

Answer& FakeIoctl();

}  // namespace vfio::test

#endif  // VFIO_TEST_FAKE_IOCTL_H_
