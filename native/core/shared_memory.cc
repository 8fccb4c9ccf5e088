#include "shared_memory.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>

#include <atomic>
#include <cstring>

#include "call.h"

namespace vfio::core {

int SharedMemory::Map(int fd, size_t size, std::unique_ptr<SharedMemory>* memory) {
  struct statfs system;
  int result = Result(fstatfs(fd, &system));
  if (result < 0) return result;
  const bool huge = system.f_type == HUGETLBFS_MAGIC;
  if (!huge && system.f_type != TMPFS_MAGIC) return -EOPNOTSUPP;
  const int flags = Result(fcntl(fd, F_GETFL));
  if (flags < 0) return flags;
  const bool writable = (flags & O_ACCMODE) == O_RDWR;
  const auto page = huge ? static_cast<size_t>(system.f_bsize) : 0;
  const size_t length = huge ? RoundUp(size, page) : size;
  std::unique_ptr<SharedMemory> mapped(new SharedMemory(size, writable));
  const int protection = writable ? PROT_READ | PROT_WRITE : PROT_READ;
  result = core::Map(length, protection, MAP_SHARED, fd, 0, &mapped->mapping_);
  if (result == 0) result = Result(madvise(mapped->address(), length, MADV_DONTFORK));
  if (result < 0) return result;
  mapped->guard_.emplace(mapped->address(), length, page);
  *memory = std::move(mapped);
  return 0;
}

bool SharedMemory::Read(size_t offset, uint8_t* into, size_t length) {
  return Copy(into, address() + offset, length);
}

bool SharedMemory::Write(size_t offset, const uint8_t* from, size_t length) {
  return Copy(address() + offset, from, length);
}

bool SharedMemory::Copy(void* to, const void* from, size_t length) {
  if (guard_->lost() != 0) return false;
  std::memcpy(to, from, length);
  // The SIGBUS handler of this thread sets `lost` during the copy.
  std::atomic_signal_fence(std::memory_order_seq_cst);
  return guard_->lost() == 0;
}

}  // namespace vfio::core
