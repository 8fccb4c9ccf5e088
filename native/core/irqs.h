#ifndef VFIO_CORE_IRQS_H_
#define VFIO_CORE_IRQS_H_

#include <cstddef>
#include <cstdint>

namespace vfio::core {

struct IrqInfo {
  uint32_t flags;
  uint32_t count;
};

// An interrupt request. The header is sent unchanged, including argsz. The header is followed by
// `data`.
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
// Calls VFIO_DEVICE_SET_IRQS. If fewer vectors are available than requested, the result is the
// number of available vectors.
int DeviceSetIrqs(int device, const IrqSet& set);

}  // namespace vfio::core

#endif  // VFIO_CORE_IRQS_H_
