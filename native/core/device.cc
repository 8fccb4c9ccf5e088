#include "device.h"

#include <linux/vfio.h>

#include "call.h"
#include "info.h"

namespace vfio::core {
namespace {

int Decode(const Capability& capability, RegionCapability* decoded) {
  decoded->id = capability.id;
  decoded->version = capability.version;
  switch (capability.id) {
    case VFIO_REGION_INFO_CAP_SPARSE_MMAP:
      return ReadPairs(capability, &decoded->areas);
    case VFIO_REGION_INFO_CAP_TYPE:
      return capability.Read(8, &decoded->type) && capability.Read(12, &decoded->subtype) ? 0
                                                                                          : -EPROTO;
    default:
      return 0;
  }
}

}  // namespace

int DeviceGetInfo(int device, DeviceInfo* info) {
  vfio_device_info fixed = {};
  fixed.argsz = sizeof(fixed);
  const int result = Ioctl(device, VFIO_DEVICE_GET_INFO, &fixed);
  *info = {fixed.flags, fixed.num_regions, fixed.num_irqs};
  return result;
}

int DeviceGetRegionInfo(int device, uint32_t index, RegionInfo* info) {
  vfio_region_info fixed = {};
  fixed.index = index;
  std::vector<uint8_t> bytes(sizeof(fixed));
  std::memcpy(bytes.data(), &fixed, sizeof(fixed));
  int result = QueryInfo(device, VFIO_DEVICE_GET_REGION_INFO, &bytes);
  if (result < 0) return result;

  std::memcpy(&fixed, bytes.data(), sizeof(fixed));
  *info = {fixed.flags, fixed.size, fixed.offset, {}};
  if (!(fixed.flags & VFIO_REGION_INFO_FLAG_CAPS)) return 0;

  std::vector<Capability> capabilities;
  result = ReadCapabilities(bytes, sizeof(fixed), fixed.cap_offset, &capabilities);
  for (const Capability& capability : capabilities) {
    if (result < 0) break;
    result = Decode(capability, &info->capabilities.emplace_back());
  }
  return result;
}

int DeviceReset(int device) { return Ioctl(device, VFIO_DEVICE_RESET); }

int DeviceFeature(int device, uint32_t flags, uint8_t* data, size_t size) {
  std::vector<uint8_t> bytes(sizeof(vfio_device_feature) + size);
  const vfio_device_feature header = {static_cast<uint32_t>(bytes.size()), flags};
  std::memcpy(bytes.data(), &header, sizeof(header));
  if (size > 0) std::memcpy(bytes.data() + sizeof(header), data, size);
  const int result = Ioctl(device, VFIO_DEVICE_FEATURE, bytes.data());
  if (result >= 0 && size > 0) std::memcpy(data, bytes.data() + sizeof(header), size);
  return result;
}

int DeviceIoeventfd(int device, uint32_t flags, uint64_t offset, uint64_t data, int eventfd) {
  vfio_device_ioeventfd request = {};
  request.argsz = sizeof(request);
  request.flags = flags;
  request.offset = offset;
  request.data = data;
  request.fd = eventfd;
  return Ioctl(device, VFIO_DEVICE_IOEVENTFD, &request);
}

}  // namespace vfio::core
