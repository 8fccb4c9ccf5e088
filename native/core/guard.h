#ifndef VFIO_CORE_GUARD_H_
#define VFIO_CORE_GUARD_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace vfio::core {

// Handles the SIGBUS signal of an access to a mapped device that does not respond. A device does
// not respond while memory decode is off, while the device is in D3hot or in low power, during a
// reset, and after an unplug. A read returns all ones, a write has no effect, and `lost` becomes 1.
//
// The handler cannot skip the faulting instruction, so the handler maps a page of ones at the
// faulting address. The caller checks `lost` before the next access. If `lost` is set, the caller
// first maps the device again. Without a new mapping, a read could return a value that an earlier
// write stored in the page of ones.
class Guard {
 public:
  // Guards `length` bytes at `address`. The first guard installs the handler. The handler stays
  // installed until the process ends. A fault outside of the guarded ranges goes to the previous
  // handler. Only one thread is allowed to access the range. `page` is the page size of the mapping
  // in bytes, if the mapping has huge pages, or 0 for the page size of the system.
  Guard(const void* address, size_t length, size_t page = 0);
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;
  ~Guard();

  // An access that faults sets the value to 1. The caller sets the value to 0. The address of the
  // value stays valid until the process ends, and a later guard can reuse the address.
  std::atomic<uint32_t>& lost() const;

 private:
  struct Range* range_;
};

}  // namespace vfio::core

#endif  // VFIO_CORE_GUARD_H_
