#include "memory.h"

#include <sys/stat.h>
#include <unistd.h>

#include "call.h"

// Linux 5.14 and later support this advice. Older headers of the C library do not define the
// constant.
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

namespace vfio::core {
namespace {

constexpr size_t kHugePage = size_t{1} << 21;

int MapAnonymous(size_t length, int flags, Mapping* mapping) {
  return Map(length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0, mapping);
}

// Maps memory aligned to a huge page. Older kernels do not align the mapping. An unaligned start or
// end of a mapping gets no huge page.
int MapAligned(size_t length, Mapping* mapping) {
  const int result = MapAnonymous(length, 0, mapping);
  if (result < 0 || reinterpret_cast<uintptr_t>(mapping->address()) % kHugePage == 0) return result;
  void* reserved = mmap(nullptr, length + kHugePage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (reserved == MAP_FAILED) return -errno;
  const auto start = reinterpret_cast<uintptr_t>(reserved);
  const uintptr_t aligned = RoundUp(start, kHugePage);
  if (aligned > start) munmap(reserved, aligned - start);
  const uintptr_t tail = start + kHugePage - aligned;
  if (tail > 0) munmap(reinterpret_cast<void*>(aligned + length), tail);
  *mapping = Mapping(reinterpret_cast<void*>(aligned), length);
  return Result(mprotect(mapping->address(), length, PROT_READ | PROT_WRITE));
}

// Writes every page once. Before Linux 6.2, if an unwritten page is mapped read-only for the
// device, the kernel pins the zero page instead. The program's first write would then go to a new
// page, and the device would never see this write.
int Populate(volatile uint8_t* memory, size_t length, size_t page) {
  const int result = Result(madvise(const_cast<uint8_t*>(memory), length, MADV_POPULATE_WRITE));
  if (result != -EINVAL) return result;
  for (size_t offset = 0; offset < length; offset += page) memory[offset] = 0;
  return 0;
}

}  // namespace

int AllocateMemory(size_t size, int huge_page_shift, Mapping* memory) {
  const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  int result;
  size_t length;
  if (huge_page_shift == kTransparentHugePages) {
    length = RoundUp(size, page);
    result = MapAligned(length, memory);
  } else if (huge_page_shift == 0) {
    length = RoundUp(size, page);
    result = MapAnonymous(length, 0, memory);
  } else {
    length = RoundUp(size, size_t{1} << huge_page_shift);
    result = MapAnonymous(length, MAP_HUGETLB | huge_page_shift << MAP_HUGE_SHIFT, memory);
  }
  if (result < 0) return result;
  if (huge_page_shift == kTransparentHugePages) {
    // Huge pages are only an optimization, so the error of a kernel without huge pages is ignored.
    madvise(memory->address(), length, MADV_HUGEPAGE);
  }
  // The advice comes before the first write. The kernel then merges the new area with a neighbor of
  // the same kind. After the first write, each buffer would stay an area of its own, and a process
  // has a limited number of areas.
  result = Result(madvise(memory->address(), length, MADV_DONTFORK));
  if (result < 0) return result;
  return Populate(memory->address(), length, page);
}

int MapFileMemory(int fd, uint64_t offset, size_t size, bool writable, FileMemory* memory) {
  struct stat status;
  const int known = Result(fstat(fd, &status));
  if (known < 0) return known;
  if (S_ISREG(status.st_mode)) {
    const auto end = static_cast<uint64_t>(status.st_size);
    if (offset > end || end - offset < size) return -ENXIO;
  }
  const int protection = PROT_READ | PROT_WRITE;
  if (writable) return Map(size, protection, MAP_SHARED, fd, offset, &memory->shared);
  const int result = Map(size, PROT_READ, MAP_SHARED, fd, offset, &memory->shared);
  if (result < 0) return result;
  return Map(size, protection, MAP_PRIVATE | MAP_NORESERVE, fd, offset, &memory->readable);
}

}  // namespace vfio::core
