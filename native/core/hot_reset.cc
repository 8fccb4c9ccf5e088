#include "hot_reset.h"

#include <cstring>

#include "call.h"
#include "info.h"

namespace vfio::core {
namespace {

// Number of functions on one bus: 32 devices with 8 functions each. A bridge can have more than one
// bus below it.
constexpr uint32_t kInitialDevices = 256;
constexpr uint32_t kMaxDevices = 1 << 16;

}  // namespace

int DeviceGetPciHotResetInfo(int device, HotResetInfo* info) {
  constexpr size_t kElement = sizeof(vfio_pci_dependent_device);
  uint32_t room = kInitialDevices;
  for (int attempt = 0; attempt < kMaxAttempts; attempt++) {
    vfio_pci_hot_reset_info header = {};
    std::vector<uint8_t> bytes(sizeof(header) + room * kElement);
    header.argsz = static_cast<uint32_t>(bytes.size());
    std::memcpy(bytes.data(), &header, sizeof(header));
    const int result = Ioctl(device, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, bytes.data());
    std::memcpy(&header, bytes.data(), sizeof(header));
    // If the buffer is too small, the kernel returns ENOSPC and the required count.
    if (result == -ENOSPC && header.count > room && header.count <= kMaxDevices) {
      room = header.count;
      continue;
    }
    if (result < 0) return result;
    if (header.count > room) return -EPROTO;
    info->flags = header.flags;
    info->devices.resize(header.count);
    if (header.count > 0) {
      std::memcpy(info->devices.data(), bytes.data() + sizeof(header), header.count * kElement);
    }
    return 0;
  }
  return -EPROTO;
}

int DevicePciHotReset(int device, const std::vector<int32_t>& groups) {
  vfio_pci_hot_reset header = {};
  std::vector<uint8_t> bytes(sizeof(header) + groups.size() * sizeof(int32_t));
  header.argsz = static_cast<uint32_t>(bytes.size());
  header.count = static_cast<uint32_t>(groups.size());
  std::memcpy(bytes.data(), &header, sizeof(header));
  if (!groups.empty()) {
    std::memcpy(bytes.data() + sizeof(header), groups.data(), groups.size() * sizeof(int32_t));
  }
  return Ioctl(device, VFIO_DEVICE_PCI_HOT_RESET, bytes.data());
}

}  // namespace vfio::core
