#ifndef VFIO_CORE_MEMORY_H_
#define VFIO_CORE_MEMORY_H_

#include <cstddef>
#include <cstdint>

#include "mapping.h"

namespace vfio::core {

// A huge page shift that asks for transparent huge pages where the system gives them.
constexpr int kTransparentHugePages = -1;

// Private, zeroed memory that a child process does not inherit: the pages a device knows stay
// with the parent, whoever writes first.
// huge_page_shift: 0 plain pages, kTransparentHugePages, or that of pages of the reserved pool.
int AllocateMemory(size_t size, int huge_page_shift, Mapping* memory);

// A file's memory, twice when it may only be read.
struct FileMemory {
  // What a device is given.
  Mapping shared;
  // What a program is given in its place: writes to it stay in the process, where writes to the
  // other would kill it. No mapping if `shared` is writable.
  Mapping readable;
};
// -ENXIO if the file ends before offset + size: beyond its end an access is a SIGBUS.
int MapFileMemory(int fd, uint64_t offset, size_t size, bool writable, FileMemory* memory);

}  // namespace vfio::core

#endif  // VFIO_CORE_MEMORY_H_
