#ifndef VFIO_TEST_FAKE_IOCTL_H_
#define VFIO_TEST_FAKE_IOCTL_H_

#include <functional>

namespace vfio::test {

// The function that replaces the kernel for the ioctls of VFIO and iommufd. The parameters are the
// fd, the request and the argument. The function returns the result or a negative errno.
using Answer = std::function<int(int, unsigned long, void*)>;

Answer& FakeIoctl();

}  // namespace vfio::test

#endif  // VFIO_TEST_FAKE_IOCTL_H_
