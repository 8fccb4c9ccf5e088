#include "container.h"

#include <linux/vfio.h>

#include "call.h"
#include "info.h"

namespace vfio::core {

int ContainerGetApiVersion(int container) { return Ioctl(container, VFIO_GET_API_VERSION); }

int ContainerCheckExtension(int container, uint32_t extension) {
  return Ioctl(container, VFIO_CHECK_EXTENSION, static_cast<unsigned long>(extension));
}

int ContainerSetIommu(int container, uint32_t type) {
  return Ioctl(container, VFIO_SET_IOMMU, static_cast<unsigned long>(type));
}

int ContainerGetInfo(int container, ContainerInfo* info) {
  std::vector<uint8_t> bytes(sizeof(vfio_iommu_type1_info));
  int result = QueryInfo(container, VFIO_IOMMU_GET_INFO, &bytes);
  if (result < 0) return result;

  vfio_iommu_type1_info fixed;
  std::memcpy(&fixed, bytes.data(), sizeof(fixed));
  if (fixed.flags & VFIO_IOMMU_INFO_PGSIZES) info->page_sizes = fixed.iova_pgsizes;
  if (!(fixed.flags & VFIO_IOMMU_INFO_CAPS)) return 0;

  std::vector<Capability> capabilities;
  result = ReadCapabilities(bytes, sizeof(fixed), fixed.cap_offset, &capabilities);
  for (const Capability& capability : capabilities) {
    if (result < 0) break;
    if (capability.id == VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE) {
      result = ReadPairs(capability, &info->ranges);
    } else if (capability.id == VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL) {
      uint32_t available;
      if (!capability.Read(8, &available)) return -EPROTO;
      info->dma_available = available;
    }
  }
  return result;
}

int ContainerMapDma(int container, uint32_t flags, uint64_t address, uint64_t iova, uint64_t size) {
  vfio_iommu_type1_dma_map map = {};
  map.argsz = sizeof(map);
  map.flags = flags;
  map.vaddr = address;
  map.iova = iova;
  map.size = size;
  return Ioctl(container, VFIO_IOMMU_MAP_DMA, &map);
}

int ContainerUnmapDma(int container, uint32_t flags, uint64_t iova, uint64_t size,
                      uint64_t* unmapped) {
  vfio_iommu_type1_dma_unmap unmap = {};
  unmap.argsz = sizeof(unmap);
  unmap.flags = flags;
  unmap.iova = iova;
  unmap.size = size;
  const int result = Ioctl(container, VFIO_IOMMU_UNMAP_DMA, &unmap);
  *unmapped = unmap.size;
  return result;
}

}  // namespace vfio::core
