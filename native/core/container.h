#ifndef VFIO_CORE_CONTAINER_H_
#define VFIO_CORE_CONTAINER_H_

#include <cstdint>
#include <optional>
#include <vector>

namespace vfio::core {

struct ContainerInfo {
  uint64_t page_sizes = 0;
  // First and last IOVA of each range, in one flat list.
  std::vector<uint64_t> ranges;
  std::optional<uint32_t> dma_available;
};

// Calls of a container, /dev/vfio/vfio, with a type 1 IOMMU.
int ContainerGetApiVersion(int container);
int ContainerCheckExtension(int container, uint32_t extension);
int ContainerSetIommu(int container, uint32_t type);
int ContainerGetInfo(int container, ContainerInfo* info);
int ContainerMapDma(int container, uint32_t flags, uint64_t address, uint64_t iova, uint64_t size);
int ContainerUnmapDma(int container, uint32_t flags, uint64_t iova, uint64_t size,
                      uint64_t* unmapped);

}  // namespace vfio::core

#endif  // VFIO_CORE_CONTAINER_H_
