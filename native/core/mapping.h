#ifndef VFIO_CORE_MAPPING_H_
#define VFIO_CORE_MAPPING_H_

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <utility>

namespace vfio::core {

// Owner of a range of whole pages in the address space of the process.
class Mapping {
 public:
  Mapping() = default;
  Mapping(void* address, size_t length) : address_(address), length_(length) {}
  Mapping(Mapping&& other) noexcept { *this = std::move(other); }
  Mapping& operator=(Mapping&& other) noexcept {
    std::swap(address_, other.address_);
    std::swap(length_, other.length_);
    return *this;
  }
  ~Mapping() { Unmap(); }

  void Unmap() {
    if (length_ > 0) munmap(address_, std::exchange(length_, 0));
  }

  uint8_t* address() const { return static_cast<uint8_t*>(address_); }

 private:
  void* address_ = nullptr;
  size_t length_ = 0;
};

// Calls mmap(2). Maps memory at an address that the kernel chooses.
int Map(size_t length, int protection, int flags, int fd, uint64_t offset, Mapping* mapping);

constexpr size_t RoundUp(size_t size, size_t unit) { return (size + unit - 1) / unit * unit; }

}  // namespace vfio::core

#endif  // VFIO_CORE_MAPPING_H_
