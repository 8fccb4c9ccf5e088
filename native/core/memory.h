#ifndef VFIO_CORE_MEMORY_H_
#define VFIO_CORE_MEMORY_H_

#include <cstddef>
#include <cstdint>

#include "mapping.h"

namespace vfio::core {

// The huge page shift that requests transparent huge pages if the system has them.
constexpr int kTransparentHugePages = -1;

// Allocates private, zeroed memory that a child process does not inherit. After a fork the pages
// known to the device stay with the parent, even if the parent writes to them.
// huge_page_shift: 0 for plain pages, kTransparentHugePages, or the shift of the reserved pool's
// pages.
int AllocateMemory(size_t size, int huge_page_shift, Mapping* memory);

// The memory of a file. A read-only file has two mappings.
struct FileMemory {
  // The mapping for the device.
  Mapping shared;
  // The mapping for the program if the file is read-only, else empty. A write stays in the process;
  // a write to `shared` would end the process with SIGSEGV.
  Mapping readable;
};
// Maps a file. -ENXIO if a regular file ends before offset + size, since an access beyond its end
// would raise SIGBUS.
int MapFileMemory(int fd, uint64_t offset, size_t size, bool writable, FileMemory* memory);

}  // namespace vfio::core

#endif  // VFIO_CORE_MEMORY_H_
