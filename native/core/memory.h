#ifndef VFIO_CORE_MEMORY_H_
#define VFIO_CORE_MEMORY_H_

#include <cstddef>
#include <cstdint>

#include "mapping.h"

namespace vfio::core {

// Huge page shift that requests transparent huge pages. If the system has no transparent huge
// pages, normal pages are used.
constexpr int kTransparentHugePages = -1;

// Allocates private, zeroed memory that a child process does not inherit. After a fork, the pages
// that the device accesses stay with the parent, even if the parent writes to the pages.
// `huge_page_shift` is 0 for normal pages, kTransparentHugePages for transparent huge
// pages, or the page shift of a reserved pool.
int AllocateMemory(size_t size, int huge_page_shift, Mapping* memory);

// The memory of a file. A read-only file has two mappings.
struct FileMemory {
  // The mapping for the device.
  Mapping shared;
  // If the file is read-only, the mapping for the program. Otherwise empty. A write to `readable`
  // stays in the process. If the file is read-only, a write to `shared` would end the process with
  // SIGSEGV.
  Mapping readable;
};
// Maps a file. If a regular file ends before offset + size, returns -ENXIO, because an access
// beyond the end of the file would raise SIGBUS.
int MapFileMemory(int fd, uint64_t offset, size_t size, bool writable, FileMemory* memory);

}  // namespace vfio::core

#endif  // VFIO_CORE_MEMORY_H_
