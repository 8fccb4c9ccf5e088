#ifndef VFIO_CORE_EVENT_SET_H_
#define VFIO_CORE_EVENT_SET_H_

#include <sys/epoll.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "fd.h"

namespace vfio::core {

// The eventfds of one device in one edge-triggered epoll set. The epoll set reports an eventfd
// again at each signal, even if the eventfd was not read. An uncounted eventfd is never read, which
// saves a system call. A counted eventfd is read whenever the eventfd is reported.
class EventSet {
 public:
  // Output arrays of a wake, with one element for each slot. If n slots fired, the wake fills
  // positions 0 to n - 1 with the slots and their counts. The count of an uncounted slot is 0.
  struct Wake {
    uint32_t* fired;
    uint64_t* counts;
  };

  static int Create(uint32_t capacity, std::unique_ptr<EventSet>* set);

  uint32_t capacity() const { return static_cast<uint32_t>(slots_.size()); }
  // The epoll file for an event loop. The epoll file is readable if at least one slot has fired.
  int epoll() const { return epoll_.number(); }

  // Watches an eventfd and discards its count. Returns -EEXIST if the slot or the eventfd is in
  // use.
  int Add(uint32_t slot, std::shared_ptr<const Fd> eventfd, bool counted);
  // Watches an eventfd that another event set delivers. This event set never changes the count of
  // the eventfd. If the count is not 0, the next wake reports the slot. Fails like Add().
  int Observe(uint32_t slot, std::shared_ptr<const Fd> eventfd);
  // Stops watching the eventfd. Discards the count of an eventfd that Add() added. Does nothing for
  // an empty slot.
  void Remove(uint32_t slot);

  // Reports the slots that have fired. Does not wait. Returns their number.
  int Collect(const Wake& wake) { return Poll(0, wake); }
  // Wait() sleeps and Spin() polls until a slot fires. Wait() and Spin() return the number of fired
  // slots. Wait() and Spin() return 0 at the end of the time limit, or if `interrupted` returns
  // true. `interrupted` is called every 50 ms. A negative time means no time limit.
  int Wait(int64_t milliseconds, const Wake& wake, const std::function<bool()>& interrupted);
  int Spin(int64_t microseconds, const Wake& wake, const std::function<bool()>& interrupted);

 private:
  enum class Reading { kNever, kAtAddAndRemove, kAtEachWake };
  struct Slot {
    std::shared_ptr<const Fd> eventfd;
    Reading reading;
  };

  EventSet(Fd epoll, uint32_t capacity);
  int Watch(uint32_t slot, std::shared_ptr<const Fd> eventfd, Reading reading);
  int Poll(int milliseconds, const Wake& wake);

  Fd epoll_;
  std::vector<Slot> slots_;
  std::vector<epoll_event> events_;
};

}  // namespace vfio::core

#endif  // VFIO_CORE_EVENT_SET_H_
