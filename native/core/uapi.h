#ifndef VFIO_CORE_UAPI_H_
#define VFIO_CORE_UAPI_H_

#include <linux/vfio.h>

#include <cstddef>
#include <cstdint>

// Requests and structures of current kernels. <linux/vfio.h> and <linux/iommufd.h> of older systems
// do not have these requests and structures. The definitions follow the layout tables of the
// kernel's user API. The names differ from the kernel's names to avoid conflicts with newer system
// headers.

namespace vfio::core::uapi {

constexpr unsigned long kDeviceBindIommufd = _IO(VFIO_TYPE, VFIO_BASE + 18);
constexpr unsigned long kDeviceAttachIommufdPt = _IO(VFIO_TYPE, VFIO_BASE + 19);
constexpr unsigned long kDeviceDetachIommufdPt = _IO(VFIO_TYPE, VFIO_BASE + 20);

constexpr unsigned long kIommuDestroy = _IO(VFIO_TYPE, 0x80);
constexpr unsigned long kIommuIoasAlloc = _IO(VFIO_TYPE, 0x81);
constexpr unsigned long kIommuIoasIovaRanges = _IO(VFIO_TYPE, 0x84);
constexpr unsigned long kIommuIoasMap = _IO(VFIO_TYPE, 0x85);
constexpr unsigned long kIommuIoasUnmap = _IO(VFIO_TYPE, 0x86);
constexpr unsigned long kIommuHwptAlloc = _IO(VFIO_TYPE, 0x89);
constexpr unsigned long kIommuIoasMapFile = _IO(VFIO_TYPE, 0x8f);

constexpr uint32_t kBindFlagToken = 1 << 0;
constexpr uint32_t kAttachFlagPasid = 1 << 0;

struct DeviceBindIommufd {
  uint32_t argsz;
  uint32_t flags;
  int32_t iommufd;
  uint32_t out_devid;
  uint64_t token_uuid_ptr;
};
static_assert(sizeof(DeviceBindIommufd) == 24);
static_assert(offsetof(DeviceBindIommufd, iommufd) == 8);
static_assert(offsetof(DeviceBindIommufd, out_devid) == 12);
static_assert(offsetof(DeviceBindIommufd, token_uuid_ptr) == 16);

struct DeviceAttachIommufdPt {
  uint32_t argsz;
  uint32_t flags;
  uint32_t pt_id;
  uint32_t pasid;
};
static_assert(sizeof(DeviceAttachIommufdPt) == 16);
static_assert(offsetof(DeviceAttachIommufdPt, pt_id) == 8);
static_assert(offsetof(DeviceAttachIommufdPt, pasid) == 12);

struct DeviceDetachIommufdPt {
  uint32_t argsz;
  uint32_t flags;
  uint32_t pasid;
};
static_assert(sizeof(DeviceDetachIommufdPt) == 12);
static_assert(offsetof(DeviceDetachIommufdPt, pasid) == 8);

struct IommuDestroy {
  uint32_t size;
  uint32_t id;
};
static_assert(sizeof(IommuDestroy) == 8);
static_assert(offsetof(IommuDestroy, id) == 4);

struct IommuIoasAlloc {
  uint32_t size;
  uint32_t flags;
  uint32_t out_ioas_id;
};
static_assert(sizeof(IommuIoasAlloc) == 12);
static_assert(offsetof(IommuIoasAlloc, out_ioas_id) == 8);

struct IommuIovaRange {
  uint64_t start;
  uint64_t last;
};
static_assert(sizeof(IommuIovaRange) == 16);
static_assert(offsetof(IommuIovaRange, last) == 8);

struct IommuIoasIovaRanges {
  uint32_t size;
  uint32_t ioas_id;
  uint32_t num_iovas;
  uint32_t reserved;
  uint64_t allowed_iovas;
  uint64_t out_iova_alignment;
};
static_assert(sizeof(IommuIoasIovaRanges) == 32);
static_assert(offsetof(IommuIoasIovaRanges, num_iovas) == 8);
static_assert(offsetof(IommuIoasIovaRanges, allowed_iovas) == 16);
static_assert(offsetof(IommuIoasIovaRanges, out_iova_alignment) == 24);

struct IommuIoasMap {
  uint32_t size;
  uint32_t flags;
  uint32_t ioas_id;
  uint32_t reserved;
  uint64_t user_va;
  uint64_t length;
  uint64_t iova;
};
static_assert(sizeof(IommuIoasMap) == 40);
static_assert(offsetof(IommuIoasMap, ioas_id) == 8);
static_assert(offsetof(IommuIoasMap, user_va) == 16);
static_assert(offsetof(IommuIoasMap, length) == 24);
static_assert(offsetof(IommuIoasMap, iova) == 32);

struct IommuIoasMapFile {
  uint32_t size;
  uint32_t flags;
  uint32_t ioas_id;
  int32_t fd;
  uint64_t start;
  uint64_t length;
  uint64_t iova;
};
static_assert(sizeof(IommuIoasMapFile) == 40);
static_assert(offsetof(IommuIoasMapFile, ioas_id) == 8);
static_assert(offsetof(IommuIoasMapFile, fd) == 12);
static_assert(offsetof(IommuIoasMapFile, start) == 16);
static_assert(offsetof(IommuIoasMapFile, length) == 24);
static_assert(offsetof(IommuIoasMapFile, iova) == 32);

struct IommuIoasUnmap {
  uint32_t size;
  uint32_t ioas_id;
  uint64_t iova;
  uint64_t length;
};
static_assert(sizeof(IommuIoasUnmap) == 24);
static_assert(offsetof(IommuIoasUnmap, iova) == 8);
static_assert(offsetof(IommuIoasUnmap, length) == 16);

struct IommuHwptAlloc {
  uint32_t size;
  uint32_t flags;
  uint32_t dev_id;
  uint32_t pt_id;
  uint32_t out_hwpt_id;
  uint32_t reserved;
  uint32_t data_type;
  uint32_t data_len;
  uint64_t data_uptr;
  uint32_t fault_id;
  uint32_t reserved2;
};
static_assert(sizeof(IommuHwptAlloc) == 48);
static_assert(offsetof(IommuHwptAlloc, dev_id) == 8);
static_assert(offsetof(IommuHwptAlloc, pt_id) == 12);
static_assert(offsetof(IommuHwptAlloc, out_hwpt_id) == 16);
static_assert(offsetof(IommuHwptAlloc, data_type) == 24);
static_assert(offsetof(IommuHwptAlloc, data_len) == 28);
static_assert(offsetof(IommuHwptAlloc, data_uptr) == 32);
static_assert(offsetof(IommuHwptAlloc, fault_id) == 40);

}  // namespace vfio::core::uapi

#endif  // VFIO_CORE_UAPI_H_
