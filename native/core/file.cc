#include "file.h"

#include <endian.h>
#include <fcntl.h>
#include <unistd.h>

#include "call.h"

namespace vfio::core {
namespace {

int CheckTransferred(ssize_t transferred, unsigned width) {
  if (transferred < 0) return static_cast<int>(transferred);
  return transferred == static_cast<ssize_t>(width) ? 0 : -EIO;
}

}  // namespace

int Open(const char* path, bool writable) {
  return Result(open(path, (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC));
}

int Duplicate(int fd) { return Result(fcntl(fd, F_DUPFD_CLOEXEC, 0)); }

ssize_t ReadAt(int fd, uint64_t offset, void* into, size_t length) {
  return Result(pread(fd, into, length, static_cast<off_t>(offset)));
}

ssize_t WriteAt(int fd, uint64_t offset, const void* from, size_t length) {
  return Result(pwrite(fd, from, length, static_cast<off_t>(offset)));
}

int Load(int fd, uint64_t offset, unsigned width, uint32_t* value) {
  // For every width, the first `width` bytes of a little-endian word are the low bytes of the word.
  uint32_t word = 0;
  const int result = CheckTransferred(ReadAt(fd, offset, &word, width), width);
  *value = le32toh(word);
  return result;
}

int Store(int fd, uint64_t offset, unsigned width, uint32_t value) {
  const uint32_t word = htole32(value);
  return CheckTransferred(WriteAt(fd, offset, &word, width), width);
}

}  // namespace vfio::core
