#include "shared_memory.h"

#include <fcntl.h>
#include <sys/vfs.h>

#include <atomic>
#include <cstring>

#include "call.h"
#include "file.h"

namespace vfio::core {
namespace {

// The number of bytes at the end of a write that are stored in ascending order. The largest common
// queue entry has 64 bytes.
constexpr size_t kOrderedBytes = 64;

template <class Word>
void StoreRelease(uint8_t* to, const uint8_t* from) {
  Word word;
  std::memcpy(&word, from, sizeof(word));
  __atomic_store_n(reinterpret_cast<Word*>(to), word, __ATOMIC_RELEASE);
}

// Stores the bytes in ascending order, in aligned words. Each word is stored at once.
void StoreInOrder(uint8_t* to, const uint8_t* from, size_t length) {
  for (size_t done = 0; done < length;) {
    const size_t left = length - done;
    const size_t misaligned = reinterpret_cast<uintptr_t>(to + done) % 8;
    size_t size = 8;
    while (misaligned % size != 0 || size > left) size /= 2;
    if (size == 8) StoreRelease<uint64_t>(to + done, from + done);
    if (size == 4) StoreRelease<uint32_t>(to + done, from + done);
    if (size == 2) StoreRelease<uint16_t>(to + done, from + done);
    if (size == 1) StoreRelease<uint8_t>(to + done, from + done);
    done += size;
  }
}

}  // namespace

int SharedMemory::Map(int fd, size_t size, std::unique_ptr<SharedMemory>* memory) {
  FileKind kind;
  int result = FindFileKind(fd, &kind);
  if (result < 0) return result;
  const bool huge = kind == FileKind::kHuge;
  if (!huge && kind != FileKind::kMemory) return -EOPNOTSUPP;
  struct statfs system;
  result = Result(fstatfs(fd, &system));
  if (result < 0) return result;
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
  if (guard_->lost() != 0) return false;
  std::memcpy(into, address() + offset, length);
  // If these bytes show that other memory is ready, a later Read() gets the ready memory.
  std::atomic_thread_fence(std::memory_order_acquire);
  return IsIntact();
}

bool SharedMemory::Write(size_t offset, const uint8_t* from, size_t length) {
  if (guard_->lost() != 0) return false;
  const size_t unordered = length > kOrderedBytes ? length - kOrderedBytes : 0;
  std::atomic_thread_fence(std::memory_order_release);
  std::memcpy(address() + offset, from, unordered);
  StoreInOrder(address() + offset + unordered, from + unordered, length - unordered);
  return IsIntact();
}

bool SharedMemory::IsIntact() const {
  // The SIGBUS handler of this thread sets `lost` during the copy.
  std::atomic_signal_fence(std::memory_order_seq_cst);
  return guard_->lost() == 0;
}

}  // namespace vfio::core
