#include "event_set.h"

#include <poll.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "call.h"
#include "eventfd.h"

namespace vfio::core {
namespace {

using Clock = std::chrono::steady_clock;

// Period at which Wait() and Spin() call `interrupted`.
constexpr std::chrono::milliseconds kSlice(50);

// Resets the counter of an eventfd. Polls before the read, because a read of an eventfd that the
// caller created can block.
void Drain(const Fd& eventfd) {
  pollfd readable = {eventfd.number(), POLLIN, 0};
  uint64_t count;
  if (poll(&readable, 1, 0) == 1) EventfdRead(eventfd.number(), &count);
}

}  // namespace

EventSet::EventSet(Fd epoll, uint32_t capacity)
    : epoll_(std::move(epoll)), slots_(capacity), events_(std::max(capacity, 1u)) {}

int EventSet::Create(uint32_t capacity, std::unique_ptr<EventSet>* set) {
  const int epoll = Result(epoll_create1(EPOLL_CLOEXEC));
  if (epoll < 0) return epoll;
  set->reset(new EventSet(Fd(epoll), capacity));
  return 0;
}

int EventSet::Add(uint32_t slot, std::shared_ptr<const Fd> eventfd, bool counted) {
  return Watch(slot, std::move(eventfd), counted ? Reading::kAtEachWake : Reading::kAtAddAndRemove);
}

int EventSet::Observe(uint32_t slot, std::shared_ptr<const Fd> eventfd) {
  return Watch(slot, std::move(eventfd), Reading::kNever);
}

int EventSet::Watch(uint32_t slot, std::shared_ptr<const Fd> eventfd, Reading reading) {
  if (slots_[slot].eventfd) return -EEXIST;
  epoll_event event = {};
  event.events = EPOLLIN | EPOLLET;
  event.data.u32 = slot;
  const int added = Result(epoll_ctl(epoll(), EPOLL_CTL_ADD, eventfd->number(), &event));
  if (added < 0) return added;
  // The eventfd is drained after EPOLL_CTL_ADD succeeds. An earlier drain could reset the count of
  // another slot with the same eventfd. epoll_wait does not report a drained eventfd, because
  // epoll_wait polls each ready file again.
  if (reading != Reading::kNever) Drain(*eventfd);
  slots_[slot] = {std::move(eventfd), reading};
  return 0;
}

void EventSet::Remove(uint32_t slot) {
  const auto [eventfd, reading] = std::exchange(slots_[slot], {});
  if (!eventfd) return;
  epoll_ctl(epoll(), EPOLL_CTL_DEL, eventfd->number(), nullptr);
  if (reading != Reading::kNever) Drain(*eventfd);
}

int EventSet::Poll(int milliseconds, const Wake& wake) {
  const int max_events = static_cast<int>(events_.size());
  const int ready = Result(epoll_wait(epoll(), events_.data(), max_events, milliseconds));
  // A signal interrupted the call. Wait() and Spin() poll again if time is left.
  if (ready < 0) return ready == -EINTR ? 0 : ready;
  int fired = 0;
  for (int i = 0; i < ready; i++) {
    const uint32_t slot = events_[i].data.u32;
    uint64_t count = 0;
    if (slots_[slot].reading == Reading::kAtEachWake) {
      EventfdRead(slots_[slot].eventfd->number(), &count);
      // Another reader has already reset the counter of the eventfd.
      if (count == 0) continue;
    }
    wake.fired[fired] = slot;
    wake.counts[fired] = count;
    fired++;
  }
  return fired;
}

int EventSet::Wait(int64_t milliseconds, const Wake& wake,
                   const std::function<bool()>& interrupted) {
  const auto end = Clock::now() + std::chrono::milliseconds(milliseconds);
  for (;;) {
    auto slice = kSlice;
    if (milliseconds >= 0) {
      // The time is rounded up. If the time were rounded down, the last fraction of a millisecond
      // would be a busy loop.
      slice = std::min(slice, std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now()));
    }
    const int fired = Poll(static_cast<int>(std::max<int64_t>(slice.count(), 0)), wake);
    if (fired != 0) return fired;
    if (milliseconds >= 0 && Clock::now() >= end) return 0;
    if (interrupted()) return 0;
  }
}

int EventSet::Spin(int64_t microseconds, const Wake& wake,
                   const std::function<bool()>& interrupted) {
  // The first poll runs before the first read of the clock. A read of the clock takes a fifth of
  // the time of a poll.
  int fired = Poll(0, wake);
  const auto start = Clock::now();
  for (auto checked = start; fired == 0; fired = Poll(0, wake)) {
    const auto now = Clock::now();
    if (microseconds >= 0 && now - start >= std::chrono::microseconds(microseconds)) return 0;
    if (now - checked >= kSlice) {
      if (interrupted()) return 0;
      checked = now;
    }
  }
  return fired;
}

}  // namespace vfio::core
