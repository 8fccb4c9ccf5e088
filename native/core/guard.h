#ifndef VFIO_CORE_GUARD_H_
#define VFIO_CORE_GUARD_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace vfio::core {

// Stands between a mapping of device memory and the SIGBUS of an access that finds the memory
// gone: decode off, D3hot, low power, a reset, an unplug. Such an access ends well: a read has
// all-ones, a write vanishes, and `lost` says so.
//
// It has to be said what the handler cannot do: step over an instruction of an unknown compiler.
// So it puts a page of ones under the one access that faulted, and whoever made that access asks
// `lost` before the next one. If it is set, the device has to be mapped anew first: the page
// would give a write back.
class Guard {
 public:
  // The first one installs the handler, which stays for the life of the process and passes on
  // whatever faults elsewhere. One thread accesses the range.
  Guard(const void* address, size_t length);
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;
  ~Guard();

  // Not 0 from the access that faulted until it is set to 0. Its address stays valid for ever, and
  // is given to another guard after this one.
  std::atomic<uint32_t>& lost() const;

 private:
  struct Range* range_;
};

}  // namespace vfio::core

#endif  // VFIO_CORE_GUARD_H_
