#ifndef VFIO_CORE_INFO_H_
#define VFIO_CORE_INFO_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

namespace vfio::core {

// Number of calls to the kernel while the buffer is too small. The required size can grow between
// two calls, but not without end.
constexpr int kMaxAttempts = 4;

// Sends the structure in `info`, which starts with argsz, and again with the size that the kernel
// requires. -EPROTO if the kernel requires more each time. The answer can end in a chain of
// capabilities (struct vfio_info_cap_header).
int QueryInfo(int fd, unsigned long request, std::vector<uint8_t>* info);

// One capability. `bytes` begin at its header and reach to the end of the information, since the
// header has no length.
struct Capability {
  uint16_t id;
  uint16_t version;
  const uint8_t* bytes;
  size_t size;

  // Copies a value, since older kernels do not align capabilities. Returns false if the value would
  // end outside of the information.
  template <class Value>
  bool Read(size_t offset, Value* value) const {
    if (offset > size || size - offset < sizeof(Value)) return false;
    std::memcpy(value, bytes + offset, sizeof(Value));
    return true;
  }
};

// Reads the chain of capabilities that starts at offset `first` (0: no chain), after the structure
// of `fixed` bytes. -EPROTO if the chain leaves the information, points into the structure or
// loops.
int ReadCapabilities(const std::vector<uint8_t>& info, size_t fixed, uint32_t first,
                     std::vector<Capability>* capabilities);

// Reads the pairs of 64-bit numbers of SPARSE_MMAP or IOVA_RANGE: the number of pairs is at offset
// 8, the pairs begin at 16. -EPROTO if the array is longer than the information.
int ReadPairs(const Capability& capability, std::vector<uint64_t>* numbers);

}  // namespace vfio::core

#endif  // VFIO_CORE_INFO_H_
