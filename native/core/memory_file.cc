#include "memory_file.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <pthread.h>
#include <signal.h>

#include "call.h"
#include "fd.h"

namespace vfio::core {

int CreateMemoryFile(int huge_page_shift) {
  unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  if (huge_page_shift > 0) {
    flags |= MFD_HUGETLB | static_cast<unsigned>(huge_page_shift) << MAP_HUGE_SHIFT;
  }
  Fd fd(Result(memfd_create("vfio-dma", flags)));
  if (fd.number() < 0) return fd.number();
  const int result = Result(fcntl(fd.number(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_SEAL));
  return result < 0 ? result : fd.Release();
}

int MapMemoryFile(int fd, size_t capacity, int huge_page_shift, Mapping* mapping) {
  // Without the flag, hugetlbfs would reserve huge pages for the whole capacity.
  const int flags = MAP_SHARED | (huge_page_shift > 0 ? MAP_NORESERVE : 0);
  const int result = Map(capacity, PROT_READ | PROT_WRITE, flags, fd, 0, mapping);
  return result < 0 ? result : Result(madvise(mapping->address(), capacity, MADV_DONTFORK));
}

int AllocatePiece(int fd, uint64_t offset, size_t size) {
  // A signal ends fallocate() with EINTR, and the kernel then frees the pages again. A repeated
  // call could never succeed in a process that gets signals often, for example from a profiler. On
  // Linux, sigprocmask() changes only the calling thread, and old versions of glibc have it in
  // libc.
  sigset_t all;
  sigset_t old;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, &old);
  const int result = Result(fallocate(fd, 0, static_cast<off_t>(offset), static_cast<off_t>(size)));
  sigprocmask(SIG_SETMASK, &old, nullptr);
  return result == -ENOSPC ? -ENOMEM : result;
}

int FreePiece(int fd, uint64_t offset, size_t size) {
  constexpr int kMode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
  return Result(fallocate(fd, kMode, static_cast<off_t>(offset), static_cast<off_t>(size)));
}

}  // namespace vfio::core
