#ifndef VFIO_CORE_GUARD_H_
#define VFIO_CORE_GUARD_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace vfio::core {

// Handles the SIGBUS of an access to a mapping whose device does not respond: memory decode off,
// D3hot, low power, a reset, an unplug. A read returns all ones, a write has no effect, and `lost`
// becomes 1.
//
// The handler cannot skip the faulting instruction, so it maps a page of ones under it. The caller
// checks `lost` before the next access. If `lost` is set, the caller maps the device again first,
// since a read would return what an earlier write stored in that page.
class Guard {
 public:
  // Guards `length` bytes at `address`. The first guard installs the handler, which stays until the
  // process ends. The previous handler gets every fault outside of the guarded ranges. Only one
  // thread may access the range.
  Guard(const void* address, size_t length);
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;
  ~Guard();

  // Set to 1 by an access that faulted, and set to 0 by the caller. The address stays valid until
  // the process ends; a later guard reuses it.
  std::atomic<uint32_t>& lost() const;

 private:
  struct Range* range_;
};

}  // namespace vfio::core

#endif  // VFIO_CORE_GUARD_H_
