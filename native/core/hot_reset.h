#ifndef VFIO_CORE_HOT_RESET_H_
#define VFIO_CORE_HOT_RESET_H_

#include <linux/vfio.h>

#include <cstdint>
#include <vector>

namespace vfio::core {

struct HotResetInfo {
  uint32_t flags;
  std::vector<vfio_pci_dependent_device> devices;
};

// Lists the devices that a hot reset affects.
int DeviceGetPciHotResetInfo(int device, HotResetInfo* info);
// Resets all affected devices. `groups` contains the group fd of each affected device. With
// iommufd, `groups` is empty.
int DevicePciHotReset(int device, const std::vector<int32_t>& groups);

}  // namespace vfio::core

#endif  // VFIO_CORE_HOT_RESET_H_
