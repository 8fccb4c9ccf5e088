#ifndef VFIO_CORE_REGISTERS_H_
#define VFIO_CORE_REGISTERS_H_

#include <cstddef>
#include <cstdint>

namespace vfio::core {

// ReadRegisters() and WriteRegisters() make `length` / `width` accesses of exactly `width` (1, 2, 4
// or 8) bytes, in ascending order. `registers` must be aligned to `width`. `into` and `from` need
// no alignment. `length` must be a multiple of `width`.
//
// The device sees the writes after all earlier loads and stores of this thread. All later loads and
// stores of this thread come after the reads.
void ReadRegisters(const uint8_t* registers, uint8_t* into, size_t length, unsigned width);
void WriteRegisters(uint8_t* registers, const uint8_t* from, size_t length, unsigned width);

}  // namespace vfio::core

#endif  // VFIO_CORE_REGISTERS_H_
