#include "cdev.h"

#include "call.h"
#include "uapi.h"

namespace vfio::core {

int DeviceBindIommufd(int device, int iommufd, const std::optional<VfToken>& token,
                      uint32_t* device_id) {
  uapi::DeviceBindIommufd bind = {};
  bind.argsz = offsetof(uapi::DeviceBindIommufd, token_uuid_ptr);
  bind.iommufd = iommufd;
  if (token) {
    bind.argsz = sizeof(bind);
    bind.flags = uapi::kBindFlagToken;
    bind.token_uuid_ptr = reinterpret_cast<uintptr_t>(token->data());
  }
  const int result = Ioctl(device, uapi::kDeviceBindIommufd, &bind);
  *device_id = bind.out_devid;
  return result;
}

int DeviceAttachPt(int device, uint32_t pt, std::optional<uint32_t> pasid, uint32_t* attached) {
  uapi::DeviceAttachIommufdPt attach = {};
  attach.argsz = offsetof(uapi::DeviceAttachIommufdPt, pasid);
  attach.pt_id = pt;
  if (pasid) {
    attach.argsz = sizeof(attach);
    attach.flags = uapi::kAttachFlagPasid;
    attach.pasid = *pasid;
  }
  const int result = Ioctl(device, uapi::kDeviceAttachIommufdPt, &attach);
  *attached = attach.pt_id;
  return result;
}

int DeviceDetachPt(int device, std::optional<uint32_t> pasid) {
  uapi::DeviceDetachIommufdPt detach = {};
  detach.argsz = offsetof(uapi::DeviceDetachIommufdPt, pasid);
  if (pasid) {
    detach.argsz = sizeof(detach);
    detach.flags = uapi::kAttachFlagPasid;
    detach.pasid = *pasid;
  }
  return Ioctl(device, uapi::kDeviceDetachIommufdPt, &detach);
}

}  // namespace vfio::core
