#ifndef VFIO_CORE_EVENT_SET_H_
#define VFIO_CORE_EVENT_SET_H_

#include <sys/epoll.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "fd.h"

namespace vfio::core {

// The eventfds of one device in one edge-triggered epoll set. An eventfd is reported again at each
// signal without a read, which saves a system call. A counted eventfd is read when it is reported.
class EventSet {
 public:
  // Output arrays of a wake, with room for every slot. A wake of n slots fills positions 0 to n - 1
  // with the slots and their counts (0 for a slot that is not counted).
  struct Wake {
    uint32_t* fired;
    uint64_t* counts;
  };

  static int Create(uint32_t capacity, std::unique_ptr<EventSet>* set);

  uint32_t capacity() const { return static_cast<uint32_t>(slots_.size()); }
  // The epoll file, for an event loop: readable while a slot has fired.
  int epoll() const { return epoll_.number(); }

  // Watches an eventfd and discards its count. -EEXIST if the slot or the eventfd is in use.
  int Add(uint32_t slot, std::shared_ptr<const Fd> eventfd, bool counted);
  // Stops watching the eventfd and discards its count. Does nothing for an empty slot.
  void Remove(uint32_t slot);

  // Reports the slots that have fired, without waiting. Returns their number.
  int Collect(const Wake& wake) { return Poll(0, wake); }
  // Wait() sleeps and Spin() polls until a slot fires. Both return the number of fired slots, or 0
  // when the time is over or `interrupted` (called every 50 ms) returns true. A negative time means
  // no limit.
  int Wait(int64_t milliseconds, const Wake& wake, const std::function<bool()>& interrupted);
  int Spin(int64_t microseconds, const Wake& wake, const std::function<bool()>& interrupted);

 private:
  struct Slot {
    std::shared_ptr<const Fd> eventfd;
    bool counted;
  };

  EventSet(Fd epoll, uint32_t capacity);
  int Poll(int milliseconds, const Wake& wake);

  Fd epoll_;
  std::vector<Slot> slots_;
  std::vector<epoll_event> events_;
};

}  // namespace vfio::core

#endif  // VFIO_CORE_EVENT_SET_H_
