#ifndef VFIO_CORE_EVENT_SET_H_
#define VFIO_CORE_EVENT_SET_H_

#include <sys/epoll.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "fd.h"

namespace vfio::core {

// The eventfds of one device behind one epoll file. Edge triggered: an eventfd need not be read
// to be reported again, which is what makes it cheap; a counted one is read when it is reported.
class EventSet {
 public:
  // Where a wake is written: positions 0 to n - 1, with room for every slot of the set.
  struct Wake {
    uint32_t* fired;
    uint64_t* counts;
  };

  static int Create(uint32_t capacity, std::unique_ptr<EventSet>* set);

  uint32_t capacity() const { return static_cast<uint32_t>(slots_.size()); }
  // To be watched by an event loop: readable while something has fired.
  int epoll() const { return epoll_.number(); }

  // What the eventfd held before is taken. -EEXIST if the slot or the eventfd is in use.
  int Add(uint32_t slot, std::shared_ptr<const Fd> eventfd, bool counted);
  // What the eventfd holds is taken. An empty slot is left alone.
  void Remove(uint32_t slot);

  // What fired by now.
  int Collect(const Wake& wake) { return Poll(0, wake); }
  // Until something fired, `interrupted` says so (asked every 50 ms) or the time is over: 0.
  // A negative time never is.
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
