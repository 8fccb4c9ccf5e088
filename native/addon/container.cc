#include "../core/container.h"

#include "../core/group.h"
#include "arguments.h"
#include "async_call.h"
#include "environment.h"
#include "values.h"

namespace vfio::addon {
namespace {

Napi::Value ContainerGetApiVersion(const Napi::CallbackInfo& info) {
  const int version = core::ContainerGetApiVersion(Arguments(info).Fd(0));
  return Number(info.Env(), Check(info.Env(), version, "VFIO_GET_API_VERSION"));
}

Napi::Value ContainerCheckExtension(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const int result = core::ContainerCheckExtension(arguments.Fd(0), arguments.Uint32(1));
  return Number(info.Env(), Check(info.Env(), result, "VFIO_CHECK_EXTENSION"));
}

void ContainerSetIommu(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const int result = core::ContainerSetIommu(arguments.Fd(0), arguments.Uint32(1));
  Check(info.Env(), result, "VFIO_SET_IOMMU");
}

Napi::Value ContainerGetInfo(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  core::ContainerInfo got;
  Check(env, core::ContainerGetInfo(Arguments(info).Fd(0), &got), "VFIO_IOMMU_GET_INFO");
  Napi::Object object = Napi::Object::New(env);
  object.Set("pageSizes", BigInt(env, got.page_sizes));
  object.Set("ranges", BigInts(env, got.ranges));
  object.Set("dmaAvailable",
             got.dma_available ? Number(env, *got.dma_available) : Napi::Value(env.Null()));
  return object;
}

// The arguments after the fd. The synchronous call and the asynchronous call have the same
// arguments.
struct MapArguments {
  explicit MapArguments(const Arguments& arguments)
      : flags(arguments.Uint32(1)),
        address(arguments.BigUint64(2)),
        iova(arguments.BigUint64(3)),
        size(arguments.BigUint64(4)) {}
  int Map(int container) const {
    return core::ContainerMapDma(container, flags, address, iova, size);
  }

  uint32_t flags;
  uint64_t address;
  uint64_t iova;
  uint64_t size;
};

void ContainerMapDma(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const int result = MapArguments(arguments).Map(arguments.Fd(0));
  Check(info.Env(), result, "VFIO_IOMMU_MAP_DMA");
}

Napi::Value ContainerMapDmaAsync(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const char* syscall = "VFIO_IOMMU_MAP_DMA";
  return CallAsync(info.Env(), syscall,
                   [map = MapArguments(arguments), container = arguments.SharedFd(0, syscall)] {
                     return map.Map(container->number());
                   });
}

Napi::Value ContainerUnmapDma(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  uint64_t unmapped;
  const int result =
      core::ContainerUnmapDma(arguments.Fd(0), arguments.Uint32(1), arguments.BigUint64(2),
                              arguments.BigUint64(3), &unmapped);
  Check(info.Env(), result, "VFIO_IOMMU_UNMAP_DMA");
  return BigInt(info.Env(), unmapped);
}

Napi::Value GroupGetStatus(const Napi::CallbackInfo& info) {
  uint32_t flags;
  const int result = core::GroupGetStatus(Arguments(info).Fd(0), &flags);
  Check(info.Env(), result, "VFIO_GROUP_GET_STATUS");
  return Number(info.Env(), flags);
}

void GroupSetContainer(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const int result = core::GroupSetContainer(arguments.Fd(0), arguments.Fd(1));
  Check(info.Env(), result, "VFIO_GROUP_SET_CONTAINER");
}

void GroupUnsetContainer(const Napi::CallbackInfo& info) {
  const int result = core::GroupUnsetContainer(Arguments(info).Fd(0));
  Check(info.Env(), result, "VFIO_GROUP_UNSET_CONTAINER");
}

Napi::Value GroupGetDeviceFd(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const int fd = core::GroupGetDeviceFd(arguments.Fd(0), arguments.String(1).c_str());
  Check(info.Env(), fd, "VFIO_GROUP_GET_DEVICE_FD");
  return Adopt(info.Env(), fd);
}

Napi::Value GroupGetDeviceFdAsync(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const char* syscall = "VFIO_GROUP_GET_DEVICE_FD";
  return CallAsync<ResolvesWith::kFd>(
      info.Env(), syscall, [group = arguments.SharedFd(0, syscall), name = arguments.String(1)] {
        return core::GroupGetDeviceFd(group->number(), name.c_str());
      });
}

}  // namespace

void ExportContainer(Napi::Object exports) {
  Export<ContainerGetApiVersion>(exports, "containerGetApiVersion");
  Export<ContainerCheckExtension>(exports, "containerCheckExtension");
  Export<ContainerSetIommu>(exports, "containerSetIommu");
  Export<ContainerGetInfo>(exports, "containerGetInfo");
  Export<ContainerMapDma>(exports, "containerMapDma");
  Export<ContainerMapDmaAsync>(exports, "containerMapDmaAsync");
  Export<ContainerUnmapDma>(exports, "containerUnmapDma");
  Export<GroupGetStatus>(exports, "groupGetStatus");
  Export<GroupSetContainer>(exports, "groupSetContainer");
  Export<GroupUnsetContainer>(exports, "groupUnsetContainer");
  Export<GroupGetDeviceFd>(exports, "groupGetDeviceFd");
  Export<GroupGetDeviceFdAsync>(exports, "groupGetDeviceFdAsync");
}

}  // namespace vfio::addon
