#ifndef VFIO_CORE_DEVICE_H_
#define VFIO_CORE_DEVICE_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace vfio::core {

struct DeviceInfo {
  uint32_t flags;
  uint32_t num_regions;
  uint32_t num_irqs;
};

struct RegionCapability {
  uint16_t id;
  uint16_t version;
  // SPARSE_MMAP: offset and size of each area, in one flat list.
  std::vector<uint64_t> areas;
  // TYPE: the region type and subtype.
  uint32_t type = 0;
  uint32_t subtype = 0;
};

struct RegionInfo {
  uint32_t flags;
  uint64_t size;
  uint64_t offset;
  std::vector<RegionCapability> capabilities;
};

int DeviceGetInfo(int device, DeviceInfo* info);
int DeviceGetRegionInfo(int device, uint32_t index, RegionInfo* info);
int DeviceReset(int device);
// Calls VFIO_DEVICE_FEATURE. The header is followed by `data`. A GET request overwrites `data`.
int DeviceFeature(int device, uint32_t flags, uint8_t* data, size_t size);
// Calls VFIO_DEVICE_IOEVENTFD. An `eventfd` of -1 removes the ioeventfd.
int DeviceIoeventfd(int device, uint32_t flags, uint64_t offset, uint64_t data, int eventfd);

}  // namespace vfio::core

#endif  // VFIO_CORE_DEVICE_H_
