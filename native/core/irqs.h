#ifndef VFIO_CORE_IRQS_H_
#define VFIO_CORE_IRQS_H_

#include <cstddef>
#include <cstdint>

namespace vfio::core {

struct IrqInfo {
  uint32_t flags;
  uint32_t count;
};

// What is sent: argsz as it is given, `data` after the header.
struct IrqSet {
  uint32_t argsz;
  uint32_t flags;
  uint32_t index;
  uint32_t start;
  uint32_t count;
  const uint8_t* data;
  size_t size;
};

int DeviceGetIrqInfo(int device, uint32_t index, IrqInfo* info);
// May be positive: the number of vectors the host has, when it has fewer than asked for.
int DeviceSetIrqs(int device, const IrqSet& set);

}  // namespace vfio::core

#endif  // VFIO_CORE_IRQS_H_
