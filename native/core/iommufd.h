#ifndef VFIO_CORE_IOMMUFD_H_
#define VFIO_CORE_IOMMUFD_H_

#include <cstdint>
#include <vector>

namespace vfio::core {

struct IovaRanges {
  // First and last IOVA of each range, in one flat list.
  std::vector<uint64_t> ranges;
  uint64_t alignment;
};

// Calls of an iommufd, /dev/iommu.
int IommufdDestroy(int iommufd, uint32_t id);
int IommufdIoasAlloc(int iommufd, uint32_t* ioas);
int IommufdIoasIovaRanges(int iommufd, uint32_t ioas, IovaRanges* ranges);
int IommufdIoasMap(int iommufd, uint32_t ioas, uint32_t flags, uint64_t address, uint64_t iova,
                   uint64_t size);
// Maps a part of a memfd or of a dma-buf. `start` is the offset in the file, in bytes.
int IommufdIoasMapFile(int iommufd, uint32_t ioas, uint32_t flags, int fd, uint64_t start,
                       uint64_t iova, uint64_t size);
int IommufdIoasUnmap(int iommufd, uint32_t ioas, uint64_t iova, uint64_t size, uint64_t* unmapped);
int IommufdHwptAlloc(int iommufd, uint32_t flags, uint32_t device_id, uint32_t pt, uint32_t* hwpt);

}  // namespace vfio::core

#endif  // VFIO_CORE_IOMMUFD_H_
