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

// Registers of a device, mapped from the device's fd. An access never ends the process. While the
// device does not respond, a read returns all ones and a write has no effect.
class Window {
 public:
  static int Map(std::shared_ptr<const Fd> device, uint64_t offset, size_t length, bool writable,
                 std::unique_ptr<Window>* window);

  uint8_t* registers() const { return mapping_.address(); }
  size_t length() const { return length_; }
  bool writable() const { return writable_; }
  // Not 0 if the device did not respond to the last access. While the value is not 0, the caller
  // must not use `registers`. Read() and Write() map the device again.
  uint32_t* lost() const;

  // Read() and Write() map a lost device again, then call ReadRegisters() and WriteRegisters() at
  // `offset` (registers.h).
  void Read(size_t offset, uint8_t* into, size_t length, unsigned width);
  void Write(size_t offset, const uint8_t* from, size_t length, unsigned width);

  // Unmaps the registers and releases the fd. After Close(), the caller must not use any other
  // member.
  void Unmap();

 private:
  Window(std::shared_ptr<const Fd> device, uint64_t offset, size_t length, bool writable);
  // Maps the device again if the device was lost. Returns false if the mapping fails.
  bool EnsureMapped();
  int protection() const { return writable_ ? PROT_READ | PROT_WRITE : PROT_READ; }

  // The fd stays open, so the device can be mapped again.
  std::shared_ptr<const Fd> device_;
  const uint64_t offset_;
  const size_t length_;
  const bool writable_;
  Mapping mapping_;
  std::optional<Guard> guard_;
};

}  // namespace vfio::core

#endif  // VFIO_CORE_WINDOW_H_
