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

// Make `length` / `width` accesses of exactly `width` (1, 2, 4 or 8) bytes, in ascending order.
// `registers` is aligned to `width`, `into` and `from` need no alignment. `length` is a multiple of
// `width`.
void ReadRegisters(const uint8_t* registers, uint8_t* into, size_t length, unsigned width);
void WriteRegisters(uint8_t* registers, const uint8_t* from, size_t length, unsigned width);

// Registers of a device, mapped from its fd. An access never ends the process: while the device
// does not respond, a read returns all ones and a write has no effect.
class Window {
 public:
  static int Map(std::shared_ptr<const Fd> device, uint64_t offset, size_t length, bool writable,
                 std::unique_ptr<Window>* window);

  uint8_t* registers() const { return mapping_.address(); }
  size_t length() const { return length_; }
  bool writable() const { return writable_; }
  // Not 0 if the device did not respond to the last access. The caller then uses only Read() and
  // Write(), which map the device again, and not `registers`.
  uint32_t* lost() const;

  // ReadRegisters() and WriteRegisters() at `offset`, after mapping a lost device again.
  void Read(size_t offset, uint8_t* into, size_t length, unsigned width);
  void Write(size_t offset, const uint8_t* from, size_t length, unsigned width);

  // Unmaps the registers and releases the fd. No other member may be called afterwards.
  void Unmap();

 private:
  Window(std::shared_ptr<const Fd> device, uint64_t offset, size_t length, bool writable);
  // Maps the device again if it was lost. Returns false if the mapping fails.
  bool EnsureMapped();
  int protection() const { return writable_ ? PROT_READ | PROT_WRITE : PROT_READ; }

  // Kept open for mapping the device again.
  std::shared_ptr<const Fd> device_;
  const uint64_t offset_;
  const size_t length_;
  const bool writable_;
  Mapping mapping_;
  std::optional<Guard> guard_;
};

}  // namespace vfio::core

#endif  // VFIO_CORE_WINDOW_H_
