#ifndef VFIO_CORE_CALL_H_
#define VFIO_CORE_CALL_H_

#include <sys/ioctl.h>

#include <cerrno>

// Each function of core/ returns the result of its system call: the value, or the negative errno.

namespace vfio::core {

template <class Value>
inline Value Result(Value value) {
  return value < 0 ? -errno : value;
}

template <class... Argument>
inline int Ioctl(int fd, unsigned long request, Argument... argument) {
  return Result(ioctl(fd, request, argument...));
}

}  // namespace vfio::core

#endif  // VFIO_CORE_CALL_H_
