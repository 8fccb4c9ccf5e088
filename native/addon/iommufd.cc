#include "../core/iommufd.h"

#include "../core/cdev.h"
#include "arguments.h"
#include "async_call.h"
#include "environment.h"
#include "values.h"

namespace vfio::addon {
namespace {

Napi::Value DeviceBindIommufd(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  uint32_t id;
  const int result =
      core::DeviceBindIommufd(arguments.Fd(0), arguments.Fd(1), arguments.TokenOrNull(2), &id);
  Check(info.Env(), result, "VFIO_DEVICE_BIND_IOMMUFD");
  return Number(info.Env(), id);
}

Napi::Value DeviceBindIommufdAsync(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const char* syscall = "VFIO_DEVICE_BIND_IOMMUFD";
  return CallAsync<ResolvesWith::kNumber>(
      info.Env(), syscall,
      [device = arguments.SharedFd(0, syscall), iommufd = arguments.SharedFd(1, syscall),
       token = arguments.TokenOrNull(2)]() -> int64_t {
        uint32_t id;
        const int result = core::DeviceBindIommufd(device->number(), iommufd->number(), token, &id);
        return result < 0 ? result : int64_t{id};
      });
}

Napi::Value DeviceAttachPt(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  uint32_t attached;
  const int result = core::DeviceAttachPt(arguments.Fd(0), arguments.Uint32(1),
                                          arguments.Uint32OrNull(2), &attached);
  Check(info.Env(), result, "VFIO_DEVICE_ATTACH_IOMMUFD_PT");
  return Number(info.Env(), attached);
}

void DeviceDetachPt(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const int result = core::DeviceDetachPt(arguments.Fd(0), arguments.Uint32OrNull(1));
  Check(info.Env(), result, "VFIO_DEVICE_DETACH_IOMMUFD_PT");
}

void IommufdDestroy(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const int result = core::IommufdDestroy(arguments.Fd(0), arguments.Uint32(1));
  Check(info.Env(), result, "IOMMU_DESTROY");
}

Napi::Value IommufdIoasAlloc(const Napi::CallbackInfo& info) {
  uint32_t ioas;
  const int result = core::IommufdIoasAlloc(Arguments(info).Fd(0), &ioas);
  Check(info.Env(), result, "IOMMU_IOAS_ALLOC");
  return Number(info.Env(), ioas);
}

Napi::Value IommufdIoasIovaRanges(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  core::IovaRanges got;
  const int result = core::IommufdIoasIovaRanges(arguments.Fd(0), arguments.Uint32(1), &got);
  Check(info.Env(), result, "IOMMU_IOAS_IOVA_RANGES");
  Napi::Object object = Napi::Object::New(info.Env());
  object.Set("ranges", BigInts(info.Env(), got.ranges));
  object.Set("alignment", BigInt(info.Env(), got.alignment));
  return object;
}

// The arguments after the fd. The synchronous call and the asynchronous call have the same
// arguments.
struct MapArguments {
  explicit MapArguments(const Arguments& arguments)
      : ioas(arguments.Uint32(1)),
        flags(arguments.Uint32(2)),
        address(arguments.BigUint64(3)),
        iova(arguments.BigUint64(4)),
        size(arguments.BigUint64(5)) {}
  int Map(int iommufd) const {
    return core::IommufdIoasMap(iommufd, ioas, flags, address, iova, size);
  }

  uint32_t ioas;
  uint32_t flags;
  uint64_t address;
  uint64_t iova;
  uint64_t size;
};

void IommufdIoasMap(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const int result = MapArguments(arguments).Map(arguments.Fd(0));
  Check(info.Env(), result, "IOMMU_IOAS_MAP");
}

Napi::Value IommufdIoasMapAsync(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const char* syscall = "IOMMU_IOAS_MAP";
  return CallAsync(info.Env(), syscall,
                   [map = MapArguments(arguments), iommufd = arguments.SharedFd(0, syscall)] {
                     return map.Map(iommufd->number());
                   });
}

void IommufdIoasMapFile(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const int result = core::IommufdIoasMapFile(
      arguments.Fd(0), arguments.Uint32(1), arguments.Uint32(2), arguments.Fd(3),
      arguments.BigUint64(4), arguments.BigUint64(5), arguments.BigUint64(6));
  Check(info.Env(), result, "IOMMU_IOAS_MAP_FILE");
}

Napi::Value IommufdIoasMapFileAsync(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const char* syscall = "IOMMU_IOAS_MAP_FILE";
  return CallAsync(
      info.Env(), syscall,
      [ioas = arguments.Uint32(1), flags = arguments.Uint32(2), start = arguments.BigUint64(4),
       iova = arguments.BigUint64(5), size = arguments.BigUint64(6),
       iommufd = arguments.SharedFd(0, syscall), file = arguments.SharedFd(3, syscall)] {
        return core::IommufdIoasMapFile(iommufd->number(), ioas, flags, file->number(), start, iova,
                                        size);
      });
}

Napi::Value IommufdIoasUnmap(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  uint64_t unmapped;
  const int result =
      core::IommufdIoasUnmap(arguments.Fd(0), arguments.Uint32(1), arguments.BigUint64(2),
                             arguments.BigUint64(3), &unmapped);
  Check(info.Env(), result, "IOMMU_IOAS_UNMAP");
  return BigInt(info.Env(), unmapped);
}

Napi::Value IommufdHwptAlloc(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  uint32_t hwpt;
  const int result = core::IommufdHwptAlloc(arguments.Fd(0), arguments.Uint32(1),
                                            arguments.Uint32(2), arguments.Uint32(3), &hwpt);
  Check(info.Env(), result, "IOMMU_HWPT_ALLOC");
  return Number(info.Env(), hwpt);
}

}  // namespace

void ExportIommufd(Napi::Object exports) {
  Export<DeviceBindIommufd>(exports, "deviceBindIommufd");
  Export<DeviceBindIommufdAsync>(exports, "deviceBindIommufdAsync");
  Export<DeviceAttachPt>(exports, "deviceAttachPt");
  Export<DeviceDetachPt>(exports, "deviceDetachPt");
  Export<IommufdDestroy>(exports, "iommufdDestroy");
  Export<IommufdIoasAlloc>(exports, "iommufdIoasAlloc");
  Export<IommufdIoasIovaRanges>(exports, "iommufdIoasIovaRanges");
  Export<IommufdIoasMap>(exports, "iommufdIoasMap");
  Export<IommufdIoasMapAsync>(exports, "iommufdIoasMapAsync");
  Export<IommufdIoasMapFile>(exports, "iommufdIoasMapFile");
  Export<IommufdIoasMapFileAsync>(exports, "iommufdIoasMapFileAsync");
  Export<IommufdIoasUnmap>(exports, "iommufdIoasUnmap");
  Export<IommufdHwptAlloc>(exports, "iommufdHwptAlloc");
}

}  // namespace vfio::addon
