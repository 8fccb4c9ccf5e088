#include "mapping.h"

#include <cerrno>

namespace vfio::core {

int Map(size_t length, int protection, int flags, int fd, uint64_t offset, Mapping* mapping) {
  void* address = mmap(nullptr, length, protection, flags, fd, static_cast<off_t>(offset));
  if (address == MAP_FAILED) return -errno;
  *mapping = Mapping(address, length);
  return 0;
}

}  // namespace vfio::core
