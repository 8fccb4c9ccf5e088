#include "group.h"

#include <linux/vfio.h>

#include "call.h"

namespace vfio::core {

int GroupGetStatus(int group, uint32_t* flags) {
  vfio_group_status status = {};
  status.argsz = sizeof(status);
  const int result = Ioctl(group, VFIO_GROUP_GET_STATUS, &status);
  *flags = status.flags;
  return result;
}

int GroupSetContainer(int group, int container) {
  return Ioctl(group, VFIO_GROUP_SET_CONTAINER, &container);
}

int GroupUnsetContainer(int group) { return Ioctl(group, VFIO_GROUP_UNSET_CONTAINER); }

int GroupGetDeviceFd(int group, const char* name) {
  return Ioctl(group, VFIO_GROUP_GET_DEVICE_FD, name);
}

}  // namespace vfio::core
