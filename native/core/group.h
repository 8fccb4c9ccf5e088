#ifndef VFIO_CORE_GROUP_H_
#define VFIO_CORE_GROUP_H_

#include <cstdint>

namespace vfio::core {

// Calls of a group, /dev/vfio/<group>.
int GroupGetStatus(int group, uint32_t* flags);
int GroupSetContainer(int group, int container);
int GroupUnsetContainer(int group);
// Returns a new fd of the device. The kernel opens the fd as CLOEXEC.
int GroupGetDeviceFd(int group, const char* name);

}  // namespace vfio::core

#endif  // VFIO_CORE_GROUP_H_
