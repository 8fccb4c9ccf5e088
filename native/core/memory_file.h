#ifndef VFIO_CORE_MEMORY_FILE_H_
#define VFIO_CORE_MEMORY_FILE_H_

#include <cstddef>
#include <cstdint>

#include "mapping.h"

namespace vfio::core {

// A memfd that a process shares with another process, piece by piece. The size of the file grows
// with the pieces. All pieces together are one memory area of this process. The other process
// cannot shrink the file, because a shrunk file would end this process with SIGBUS.

// Creates an empty file. `huge_page_shift` is 0 for normal pages, or the page shift of a reserved
// pool.
int CreateMemoryFile(int huge_page_shift);
// Maps `capacity` bytes, the largest size of the file. A child process does not inherit the
// mapping. An access to a byte outside of the pieces would raise SIGBUS.
int MapMemoryFile(int fd, size_t capacity, int huge_page_shift, Mapping* mapping);
// Allocates the zeroed pages of a piece, with all signals blocked. Returns -ENOMEM if the system or
// the pool has no memory left.
int AllocatePiece(int fd, uint64_t offset, size_t size);
// Frees the pages of a piece.
int FreePiece(int fd, uint64_t offset, size_t size);

}  // namespace vfio::core

#endif  // VFIO_CORE_MEMORY_FILE_H_
