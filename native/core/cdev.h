#ifndef VFIO_CORE_CDEV_H_
#define VFIO_CORE_CDEV_H_

#include <array>
#include <cstdint>
#include <optional>

namespace vfio::core {

using VfToken = std::array<uint8_t, 16>;

// Calls of a VFIO character device, /dev/vfio/devices/vfio<k>. The argsz of each structure covers
// only the members that the request uses. An older kernel that does not know the last members
// therefore accepts the structure.
int DeviceBindIommufd(int device, int iommufd, const std::optional<VfToken>& token,
                      uint32_t* device_id);
int DeviceAttachPt(int device, uint32_t pt, std::optional<uint32_t> pasid, uint32_t* attached);
int DeviceDetachPt(int device, std::optional<uint32_t> pasid);

}  // namespace vfio::core

#endif  // VFIO_CORE_CDEV_H_
