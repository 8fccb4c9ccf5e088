#include "irqs.h"

#include <linux/vfio.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "call.h"

namespace vfio::core {
namespace {

// Data limit in bytes: 65,536 vectors with one eventfd each.
constexpr size_t kMaxDataSize = 1 << 18;

}  // namespace

int DeviceGetIrqInfo(int device, uint32_t index, IrqInfo* info) {
  vfio_irq_info fixed = {};
  fixed.argsz = sizeof(fixed);
  fixed.index = index;
  const int result = Ioctl(device, VFIO_DEVICE_GET_IRQ_INFO, &fixed);
  *info = {fixed.flags, fixed.count};
  return result;
}

int DeviceSetIrqs(int device, const IrqSet& set) {
  vfio_irq_set header = {};
  header.argsz = set.argsz;
  header.flags = set.flags;
  header.index = set.index;
  header.start = set.start;
  header.count = set.count;
  // The kernel reads argsz bytes. If argsz is larger than the header and the data, the rest is
  // filled with zeros, so the kernel does not read other memory of the heap.
  const size_t readable = std::min<size_t>(set.argsz, sizeof(header) + kMaxDataSize);
  std::vector<uint8_t> bytes(std::max(readable, sizeof(header) + set.size));
  std::memcpy(bytes.data(), &header, sizeof(header));
  if (set.size > 0) std::memcpy(bytes.data() + sizeof(header), set.data, set.size);
  return Ioctl(device, VFIO_DEVICE_SET_IRQS, bytes.data());
}

}  // namespace vfio::core
