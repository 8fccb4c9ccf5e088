#include "file.h"

#include <endian.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cstdio>
#include <string_view>

#include "call.h"

namespace vfio::core {
namespace {

int CheckTransferred(ssize_t transferred, unsigned width) {
  if (transferred < 0) return static_cast<int>(transferred);
  return transferred == static_cast<ssize_t>(width) ? 0 : -EIO;
}

// The path of a file in a file system begins with a slash, so no such file has the name.
bool IsAnonymous(int fd, std::string_view name) {
  char path[32];
  std::snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
  char target[64];
  const ssize_t length = readlink(path, target, sizeof(target));
  return length >= 0 && std::string_view(target, static_cast<size_t>(length)) == name;
}

}  // namespace

int Open(const char* path, bool writable) {
  return Result(open(path, (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC));
}

int FindFileKind(int fd, FileKind* kind) {
  // Only files on tmpfs and hugetlbfs have seals. The kernel answers both calls itself.
  if (fcntl(fd, F_GET_SEALS) >= 0) {
    struct statfs system;
    const int result = Result(fstatfs(fd, &system));
    *kind = system.f_type == HUGETLBFS_MAGIC ? FileKind::kHuge : FileKind::kMemory;
    return result;
  }
  struct statx status;
  const int result = Result(statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &status));
  if (result < 0) return result;
  const bool is_device = S_ISCHR(status.stx_mode) || IsAnonymous(fd, "anon_inode:[vfio-device]");
  const bool is_regular = S_ISREG(status.stx_mode);
  *kind = is_device ? FileKind::kDevice : is_regular ? FileKind::kRegular : FileKind::kOther;
  return 0;
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
