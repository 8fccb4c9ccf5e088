#ifndef VFIO_CORE_INFO_H_
#define VFIO_CORE_INFO_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

namespace vfio::core {

// How often the kernel is asked for what needs more room than it was given. The need can grow
// between two questions, but not for ever.
constexpr int kQuestions = 4;

// The information structures that end in a chain of capabilities: struct vfio_info_cap_header.

// Asks with the structure in `info`, which starts with argsz, and again with as many bytes as the
// kernel says it needs. -EPROTO if it never has enough.
int QueryInfo(int fd, unsigned long request, std::vector<uint8_t>* info);

// One capability: `bytes` begin at its header and reach to the end of the information, since the
// header does not tell its length.
struct Capability {
  uint16_t id;
  uint16_t version;
  const uint8_t* bytes;
  size_t size;

  // Copies, as older kernels align nothing. False if it would end outside of the information.
  template <class Value>
  bool Read(size_t offset, Value* value) const {
    if (offset > size || size - offset < sizeof(Value)) return false;
    std::memcpy(value, bytes + offset, sizeof(Value));
    return true;
  }
};

// Follows the chain that starts at offset `first` (0: no chain), behind the structure of `fixed`
// bytes. -EPROTO if it leaves the information, reaches into the structure or runs in a circle.
int ReadCapabilities(const std::vector<uint8_t>& info, size_t fixed, uint32_t first,
                     std::vector<Capability>* capabilities);

// The array of two 64-bit numbers that SPARSE_MMAP and IOVA_RANGE consist of: its length at
// offset 8, the pairs from 16 on. -EPROTO if it is longer than the information.
int ReadPairs(const Capability& capability, std::vector<uint64_t>* numbers);

}  // namespace vfio::core

#endif  // VFIO_CORE_INFO_H_
