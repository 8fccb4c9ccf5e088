#include "../core/device.h"

#include <linux/vfio.h>

#include "../core/hot_reset.h"
#include "../core/irqs.h"
#include "arguments.h"
#include "async_call.h"
#include "environment.h"
#include "values.h"

namespace vfio::addon {
namespace {

Napi::Value DeviceGetInfo(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  core::DeviceInfo got;
  Check(env, core::DeviceGetInfo(Arguments(info).Fd(0), &got), "VFIO_DEVICE_GET_INFO");
  Napi::Object object = Napi::Object::New(env);
  object.Set("flags", Number(env, got.flags));
  object.Set("numRegions", Number(env, got.num_regions));
  object.Set("numIrqs", Number(env, got.num_irqs));
  return object;
}

Napi::Object RegionCapability(Napi::Env env, const core::RegionCapability& capability) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("id", Number(env, capability.id));
  object.Set("version", Number(env, capability.version));
  if (capability.id == VFIO_REGION_INFO_CAP_SPARSE_MMAP) {
    Napi::Array areas = Napi::Array::New(env, capability.areas.size() / 2);
    for (uint32_t i = 0; i < areas.Length(); i++) {
      Napi::Object area = Napi::Object::New(env);
      area.Set("offset", BigInt(env, capability.areas[size_t{2} * i]));
      area.Set("size", BigInt(env, capability.areas[size_t{2} * i + 1]));
      areas.Set(i, area);
    }
    object.Set("areas", areas);
  } else if (capability.id == VFIO_REGION_INFO_CAP_TYPE) {
    object.Set("type", Number(env, capability.type));
    object.Set("subtype", Number(env, capability.subtype));
  }
  return object;
}

Napi::Value DeviceGetRegionInfo(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Arguments arguments(info);
  core::RegionInfo got;
  const int result = core::DeviceGetRegionInfo(arguments.Fd(0), arguments.Uint32(1), &got);
  Check(env, result, "VFIO_DEVICE_GET_REGION_INFO");
  Napi::Array capabilities = Napi::Array::New(env, got.capabilities.size());
  for (uint32_t i = 0; i < got.capabilities.size(); i++) {
    capabilities.Set(i, RegionCapability(env, got.capabilities[i]));
  }
  Napi::Object object = Napi::Object::New(env);
  object.Set("flags", Number(env, got.flags));
  object.Set("size", BigInt(env, got.size));
  object.Set("offset", BigInt(env, got.offset));
  object.Set("capabilities", capabilities);
  return object;
}

Napi::Value DeviceGetIrqInfo(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Arguments arguments(info);
  core::IrqInfo got;
  const int result = core::DeviceGetIrqInfo(arguments.Fd(0), arguments.Uint32(1), &got);
  Check(env, result, "VFIO_DEVICE_GET_IRQ_INFO");
  Napi::Object object = Napi::Object::New(env);
  object.Set("flags", Number(env, got.flags));
  object.Set("count", Number(env, got.count));
  return object;
}

Napi::Value DeviceSetIrqs(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const Bytes data = arguments.Uint8Array(6);
  const core::IrqSet set = {arguments.Uint32(1),
                            arguments.Uint32(2),
                            arguments.Uint32(3),
                            arguments.Uint32(4),
                            arguments.Uint32(5),
                            data.data,
                            data.size};
  const int result = core::DeviceSetIrqs(arguments.Fd(0), set);
  return Number(info.Env(), Check(info.Env(), result, "VFIO_DEVICE_SET_IRQS"));
}

Napi::Value DeviceFeature(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const Bytes data = arguments.Uint8Array(2);
  const int result =
      core::DeviceFeature(arguments.Fd(0), arguments.Uint32(1), data.data, data.size);
  // Only VFIO_DEVICE_FEATURE_DMA_BUF returns a value above 0: a new file descriptor, which the
  // caller owns.
  return Number(info.Env(), Check(info.Env(), result, "VFIO_DEVICE_FEATURE"));
}

void DeviceReset(const Napi::CallbackInfo& info) {
  Check(info.Env(), core::DeviceReset(Arguments(info).Fd(0)), "VFIO_DEVICE_RESET");
}

Napi::Value DeviceResetAsync(const Napi::CallbackInfo& info) {
  const char* syscall = "VFIO_DEVICE_RESET";
  return CallAsync(info.Env(), syscall, [device = Arguments(info).SharedFd(0, syscall)] {
    return core::DeviceReset(device->number());
  });
}

Napi::Value DeviceGetPciHotResetInfo(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  core::HotResetInfo got;
  const int result = core::DeviceGetPciHotResetInfo(Arguments(info).Fd(0), &got);
  Check(env, result, "VFIO_DEVICE_GET_PCI_HOT_RESET_INFO");
  Napi::Array devices = Napi::Array::New(env);
  uint32_t next = 0;
  for (const vfio_pci_dependent_device& device : got.devices) {
    devices.Set(next++, Number(env, device.group_id));
    devices.Set(next++, Number(env, device.segment));
    devices.Set(next++, Number(env, device.bus));
    devices.Set(next++, Number(env, device.devfn));
  }
  Napi::Object object = Napi::Object::New(env);
  object.Set("flags", Number(env, got.flags));
  object.Set("devices", devices);
  return object;
}

void DevicePciHotReset(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const int result = core::DevicePciHotReset(arguments.Fd(0), arguments.Fds(1));
  Check(info.Env(), result, "VFIO_DEVICE_PCI_HOT_RESET");
}

void DeviceIoeventfd(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const int result =
      core::DeviceIoeventfd(arguments.Fd(0), arguments.Uint32(1), arguments.BigUint64(2),
                            arguments.BigUint64(3), arguments.FdOrNone(4));
  Check(info.Env(), result, "VFIO_DEVICE_IOEVENTFD");
}

}  // namespace

void ExportDevice(Napi::Object exports) {
  Export<DeviceGetInfo>(exports, "deviceGetInfo");
  Export<DeviceGetRegionInfo>(exports, "deviceGetRegionInfo");
  Export<DeviceGetIrqInfo>(exports, "deviceGetIrqInfo");
  Export<DeviceSetIrqs>(exports, "deviceSetIrqs");
  Export<DeviceFeature>(exports, "deviceFeature");
  Export<DeviceReset>(exports, "deviceReset");
  Export<DeviceResetAsync>(exports, "deviceResetAsync");
  Export<DeviceGetPciHotResetInfo>(exports, "deviceGetPciHotResetInfo");
  Export<DevicePciHotReset>(exports, "devicePciHotReset");
  Export<DeviceIoeventfd>(exports, "deviceIoeventfd");
}

}  // namespace vfio::addon
