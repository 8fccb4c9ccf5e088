#ifndef VFIO_CORE_SHARED_MEMORY_H_
#define VFIO_CORE_SHARED_MEMORY_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "guard.h"
#include "mapping.h"

namespace vfio::core {

// The memory of another process, which the other process shares by a file descriptor. The other
// process can write the memory at any time, and can shrink the file at any time. An access beyond
// the end of the file fails, but does not end the process.
class SharedMemory {
 public:
  // Maps the first `size` bytes of a file. If the descriptor does not allow writes, the memory is
  // read-only. Returns -EOPNOTSUPP if the file is not on tmpfs or hugetlbfs (a memfd is on one of
  // the two). Any other file system can make this process wait for the other process.
  static int Map(int fd, size_t size, std::unique_ptr<SharedMemory>* memory);

  uint8_t* address() const { return mapping_.address(); }
  size_t size() const { return size_; }
  bool writable() const { return writable_; }

  // Read() and Write() copy bytes. The caller checks the range, and `writable()` before Write().
  // Both return false if the file has ended before the range. The memory is then lost for ever,
  // because all further calls return false, too.
  //
  // The other process sees the calls of Write() in their order. The last 64 bytes of a Write() are
  // stored in ascending order, as a PCI Express write updates memory (Base Specification, section
  // 2.4.3). A driver can therefore poll the last word of a queue entry. A Read() sees at least what
  // the earlier calls of Read() saw.
  bool Read(size_t offset, uint8_t* into, size_t length);
  bool Write(size_t offset, const uint8_t* from, size_t length);

 private:
  SharedMemory(size_t size, bool writable) : size_(size), writable_(writable) {}
  bool IsIntact() const;

  const size_t size_;
  const bool writable_;
  Mapping mapping_;
  std::optional<Guard> guard_;
};

}  // namespace vfio::core

#endif  // VFIO_CORE_SHARED_MEMORY_H_
