#ifndef VFIO_CORE_INFO_H_
#define VFIO_CORE_INFO_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

namespace vfio::core {

// Maximum number of calls to the kernel while the buffer is too small. The required size can grow
// between two calls, but cannot grow forever.
constexpr int kMaxAttempts = 4;

// Sends the structure in `info`, which starts with argsz. If the kernel requires a larger size,
// sends the structure again with that size. Returns -EPROTO if the kernel requires a larger size
// each time. The structure from the kernel can end with a chain of capabilities (struct
// vfio_info_cap_header).
int QueryInfo(int fd, unsigned long request, std::vector<uint8_t>* info);

// One capability. `bytes` starts at the header of the capability. The header has no length, so
// `bytes` ends at the end of the information.
struct Capability {
  uint16_t id;
  uint16_t version;
  const uint8_t* bytes;
  size_t size;

  // Copies a value, because capabilities of older kernels can be unaligned. Returns false if the
  // value would end outside of the information.
  template <class Value>
  bool Read(size_t offset, Value* value) const {
    if (offset > size || size - offset < sizeof(Value)) return false;
    std::memcpy(value, bytes + offset, sizeof(Value));
    return true;
  }
};

// Reads the chain of capabilities. The chain starts at offset `first`, or is empty if `first` is 0.
// `fixed` is the size of the structure before the chain, in bytes. Returns -EPROTO if the chain
// leaves the information, points into the structure or loops.
int ReadCapabilities(const std::vector<uint8_t>& info, size_t fixed, uint32_t first,
                     std::vector<Capability>* capabilities);

// Reads the pairs of 64-bit numbers of SPARSE_MMAP or IOVA_RANGE. The number of pairs is at offset
// 8, and the pairs start at offset 16. Returns -EPROTO if the pairs exceed the information.
int ReadPairs(const Capability& capability, std::vector<uint64_t>* numbers);

}  // namespace vfio::core

#endif  // VFIO_CORE_INFO_H_
