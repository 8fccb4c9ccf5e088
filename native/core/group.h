#ifndef VFIO_CORE_GROUP_H_
#define VFIO_CORE_GROUP_H_

#include <cstdint>

namespace vfio::core {

// /dev/vfio/<group>.
int GroupGetStatus(int group, uint32_t* flags);
int GroupSetContainer(int group, int container);
int GroupUnsetContainer(int group);
// The new fd is CLOEXEC: the kernel makes it so.
int GroupGetDeviceFd(int group, const char* name);

}  // namespace vfio::core

#endif  // VFIO_CORE_GROUP_H_
