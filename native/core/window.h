#ifndef VFIO_CORE_WINDOW_H_
#define VFIO_CORE_WINDOW_H_

#include <cstddef>
#include <cstdint>

#include "mapping.h"

namespace vfio::core {

// Registers of a device, mapped by its fd.
int MapRegion(int device, uint64_t offset, size_t length, bool writable, Mapping* window);

// `length` / `width` accesses of exactly `width` (1, 2, 4 or 8) bytes, in rising order. The
// registers are naturally aligned, the memory need not be. `length` is a multiple of `width`.
void ReadRegisters(const uint8_t* registers, uint8_t* into, size_t length, unsigned width);
void WriteRegisters(uint8_t* registers, const uint8_t* from, size_t length, unsigned width);

}  // namespace vfio::core

#endif  // VFIO_CORE_WINDOW_H_
