#include "iommufd.h"

#include "call.h"
#include "info.h"
#include "uapi.h"

namespace vfio::core {
namespace {

// Initial number of ranges. Each reserved range of the firmware or the IOMMU adds one more IOVA
// range. Real machines have only a few reserved ranges.
constexpr uint32_t kInitialRanges = 16;
constexpr uint32_t kMaxRanges = 1 << 16;

}  // namespace

int IommufdDestroy(int iommufd, uint32_t id) {
  uapi::IommuDestroy destroy = {sizeof(destroy), id};
  return Ioctl(iommufd, uapi::kIommuDestroy, &destroy);
}

int IommufdIoasAlloc(int iommufd, uint32_t* ioas) {
  uapi::IommuIoasAlloc alloc = {};
  alloc.size = sizeof(alloc);
  const int result = Ioctl(iommufd, uapi::kIommuIoasAlloc, &alloc);
  *ioas = alloc.out_ioas_id;
  return result;
}

int IommufdIoasIovaRanges(int iommufd, uint32_t ioas, IovaRanges* ranges) {
  std::vector<uapi::IommuIovaRange> room(kInitialRanges);
  for (int attempt = 0; attempt < kMaxAttempts; attempt++) {
    uapi::IommuIoasIovaRanges request = {};
    request.size = sizeof(request);
    request.ioas_id = ioas;
    request.num_iovas = static_cast<uint32_t>(room.size());
    request.allowed_iovas = reinterpret_cast<uintptr_t>(room.data());
    const int result = Ioctl(iommufd, uapi::kIommuIoasIovaRanges, &request);
    // If the array is too small, the kernel returns EMSGSIZE and the required number.
    if (result == -EMSGSIZE && request.num_iovas > room.size() && request.num_iovas <= kMaxRanges) {
      room.resize(request.num_iovas);
      continue;
    }
    if (result < 0) return result;
    if (request.num_iovas > room.size()) return -EPROTO;
    for (uint32_t i = 0; i < request.num_iovas; i++) {
      ranges->ranges.push_back(room[i].start);
      ranges->ranges.push_back(room[i].last);
    }
    ranges->alignment = request.out_iova_alignment;
    return 0;
  }
  return -EPROTO;
}

int IommufdIoasMap(int iommufd, uint32_t ioas, uint32_t flags, uint64_t address, uint64_t iova,
                   uint64_t size) {
  uapi::IommuIoasMap map = {};
  map.size = sizeof(map);
  map.flags = flags;
  map.ioas_id = ioas;
  map.user_va = address;
  map.length = size;
  map.iova = iova;
  return Ioctl(iommufd, uapi::kIommuIoasMap, &map);
}

int IommufdIoasMapFile(int iommufd, uint32_t ioas, uint32_t flags, int fd, uint64_t start,
                       uint64_t iova, uint64_t size) {
  uapi::IommuIoasMapFile map = {};
  map.size = sizeof(map);
  map.flags = flags;
  map.ioas_id = ioas;
  map.fd = fd;
  map.start = start;
  map.length = size;
  map.iova = iova;
  return Ioctl(iommufd, uapi::kIommuIoasMapFile, &map);
}

int IommufdIoasUnmap(int iommufd, uint32_t ioas, uint64_t iova, uint64_t size, uint64_t* unmapped) {
  uapi::IommuIoasUnmap unmap = {sizeof(unmap), ioas, iova, size};
  const int result = Ioctl(iommufd, uapi::kIommuIoasUnmap, &unmap);
  *unmapped = unmap.length;
  return result;
}

int IommufdHwptAlloc(int iommufd, uint32_t flags, uint32_t device_id, uint32_t pt, uint32_t* hwpt) {
  uapi::IommuHwptAlloc alloc = {};
  alloc.size = sizeof(alloc);
  alloc.flags = flags;
  alloc.dev_id = device_id;
  alloc.pt_id = pt;
  const int result = Ioctl(iommufd, uapi::kIommuHwptAlloc, &alloc);
  *hwpt = alloc.out_hwpt_id;
  return result;
}

}  // namespace vfio::core
