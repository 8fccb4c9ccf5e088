#ifndef VFIO_CORE_WINDOW_H_
#define VFIO_CORE_WINDOW_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "fd.h"
#include "guard.h"
#include "mapping.h"

namespace vfio::core {

// `length` / `width` accesses of exactly `width` (1, 2, 4 or 8) bytes, in rising order. The
// registers are naturally aligned, the memory need not be. `length` is a multiple of `width`.
void ReadRegisters(const uint8_t* registers, uint8_t* into, size_t length, unsigned width);
void WriteRegisters(uint8_t* registers, const uint8_t* from, size_t length, unsigned width);

// Registers of a device, mapped by its fd, of which an access never ends the process: while the
// device's memory is gone it reads as all-ones and loses what is written to it.
class Window {
 public:
  static int Map(std::shared_ptr<const Fd> device, uint64_t offset, size_t length, bool writable,
                 std::unique_ptr<Window>* window);

  uint8_t* registers() const { return mapping_.address(); }
  size_t length() const { return length_; }
  bool writable() const { return writable_; }
  // Not 0 if the last access found the memory gone. `registers` must not be touched then but by
  // Read and Write, which try to reach the device again.
  uint32_t* lost() const;

  // As ReadRegisters and WriteRegisters, at `offset`.
  void Read(size_t offset, uint8_t* into, size_t length, unsigned width);
  void Write(size_t offset, const uint8_t* from, size_t length, unsigned width);

  // The last there is to do with it.
  void Unmap();

 private:
  Window(std::shared_ptr<const Fd> device, uint64_t offset, size_t length, bool writable);
  // Maps the device again if it was lost. False if that fails.
  bool Reach();
  int protection() const { return writable_ ? PROT_READ | PROT_WRITE : PROT_READ; }

  // Open for as long as it may have to be mapped again.
  std::shared_ptr<const Fd> device_;
  const uint64_t offset_;
  const size_t length_;
  const bool writable_;
  Mapping mapping_;
  std::optional<Guard> guard_;
};

}  // namespace vfio::core

#endif  // VFIO_CORE_WINDOW_H_
