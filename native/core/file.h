#ifndef VFIO_CORE_FILE_H_
#define VFIO_CORE_FILE_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>

namespace vfio::core {

// Open() and Duplicate() make file descriptors that are CLOEXEC.
int Open(const char* path, bool writable);
int Duplicate(int fd);

// The kind of a file. kHuge: a file on hugetlbfs. kMemory: another file in memory (tmpfs), such as
// a memfd. kDevice: a character device, or a device file that VFIO has created.
enum class FileKind { kMemory, kHuge, kDevice, kRegular, kOther };
// Finds the kind of a file without a request to the file system of the file. For a file system in
// user space (FUSE), such a request waits for another process. Returns 0 or a negative errno.
int FindFileKind(int fd, FileKind* kind);

ssize_t ReadAt(int fd, uint64_t offset, void* into, size_t length);
ssize_t WriteAt(int fd, uint64_t offset, const void* from, size_t length);

// Load() and Store() make one little-endian access of 1, 2 or 4 bytes at `offset`. Load() and
// Store() return -EIO if the kernel transfers fewer bytes than requested.
int Load(int fd, uint64_t offset, unsigned width, uint32_t* value);
int Store(int fd, uint64_t offset, unsigned width, uint32_t value);

}  // namespace vfio::core

#endif  // VFIO_CORE_FILE_H_
