#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "bench.h"

namespace vfio::bench {
namespace {

struct Eventfds {
  explicit Eventfds(const Napi::CallbackInfo& info) {
    auto array = info[0].As<Napi::Int32Array>();
    fds = array.Data();
    count = static_cast<uint32_t>(array.ElementLength());
  }
  const int32_t* fds;
  uint32_t count;
};

bool SignalFirst(const int32_t* fds, uint32_t count) {
  const uint64_t one = 1;
  bool written = true;
  for (uint32_t i = 0; i < count; i++) written &= write(fds[i], &one, sizeof(one)) == sizeof(one);
  return written;
}

// signalTurns(fds, turns): writes to each eventfd once in each turn. Returns nanoseconds per write.
Napi::Value SignalTurns(const Napi::CallbackInfo& info) {
  const Eventfds eventfds(info);
  const uint32_t turns = Count(info, 1);
  bool written = true;
  const Napi::Value result = Timed(info.Env(), turns * eventfds.count, [&] {
    for (uint32_t i = 0; i < turns; i++) written &= SignalFirst(eventfds.fds, eventfds.count);
  });
  Check(info.Env(), written, "write");
  return result;
}

// drain(fds): resets every counter to 0.
void Drain(const Napi::CallbackInfo& info) {
  const Eventfds eventfds(info);
  uint64_t count;
  for (uint32_t i = 0; i < eventfds.count; i++) {
    static_cast<void>(!read(eventfds.fds[i], &count, sizeof(count)));
  }
}

// rounds(fds, count, turns, edge): watches all eventfds. Each turn signals the first `count`
// eventfds and receives the signals. If `edge` is true, the epoll set is edge-triggered and no
// eventfd is read. If `edge` is false, the epoll set is level-triggered and each signalled eventfd
// is read. Returns nanoseconds per turn.
Napi::Value Rounds(const Napi::CallbackInfo& info) {
  const Eventfds eventfds(info);
  const uint32_t count = Count(info, 1);
  const uint32_t turns = Count(info, 2);
  const bool edge = info[3].As<Napi::Boolean>();
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  Check(info.Env(), epoll >= 0, "epoll_create1");
  Drain(info);
  for (uint32_t i = 0; i < eventfds.count; i++) {
    epoll_event event = {};
    event.events = EPOLLIN | (edge ? EPOLLET : 0u);
    event.data.fd = eventfds.fds[i];
    epoll_ctl(epoll, EPOLL_CTL_ADD, eventfds.fds[i], &event);
  }
  std::vector<epoll_event> events(eventfds.count);
  const auto max_events = static_cast<int>(eventfds.count);
  const Napi::Value result = Timed(info.Env(), turns, [&] {
    for (uint32_t turn = 0; turn < turns; turn++) {
      SignalFirst(eventfds.fds, count);
      for (uint32_t seen = 0; seen < count;) {
        const int ready = epoll_wait(epoll, events.data(), max_events, -1);
        if (ready > 0) seen += static_cast<uint32_t>(ready);
        uint64_t value;
        for (int i = 0; !edge && i < ready; i++) {
          static_cast<void>(!read(events[i].data.fd, &value, sizeof(value)));
        }
      }
    }
  });
  close(epoll);
  return result;
}

}  // namespace

void ExportRounds(Napi::Env env, Napi::Object exports) {
  exports.Set("signalTurns", Napi::Function::New<SignalTurns>(env));
  exports.Set("drain", Napi::Function::New<Drain>(env));
  exports.Set("rounds", Napi::Function::New<Rounds>(env));
}

}  // namespace vfio::bench
