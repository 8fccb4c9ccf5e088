#include <sys/epoll.h>
#include <unistd.h>
#include <uv.h>

#include <memory>
#include <vector>

#include "bench.h"

namespace vfio::bench {
namespace {

uv_loop_t* Loop(Napi::Env env) {
  uv_loop_t* loop = nullptr;
  napi_get_uv_event_loop(env, &loop);
  return loop;
}

// Signals eventfds from the event loop, in the phase after the loop has called the listeners. The
// listeners do not signal, so the measured time does not contain a call of Node-API for the signal.
class LoopSignaller {
 public:
  explicit LoopSignaller(const Napi::CallbackInfo& info)
      : seen_(info[2].As<Napi::Uint32Array>().Data()),
        keep_(Napi::Persistent(info[2].As<Napi::Object>())),
        turns_(Count(info, 3)),
        on_end_(Napi::Persistent(info[4].As<Napi::Function>())),
        context_(info.Env(), "bench") {
    const auto fds = info[0].As<Napi::Int32Array>();
    fds_.assign(fds.Data(), fds.Data() + Count(info, 1));
    *seen_ = 0;
    uv_check_init(Loop(info.Env()), &check_);
    check_.data = this;
    uv_check_start(&check_,
                   [](uv_check_t* check) { static_cast<LoopSignaller*>(check->data)->OnTurn(); });
    SignalAll();
  }

 private:
  void SignalAll() {
    const uint64_t one = 1;
    for (const int fd : fds_) static_cast<void>(!write(fd, &one, sizeof(one)));
  }

  void OnTurn() {
    if (*seen_ < fds_.size()) return;
    *seen_ = 0;
    if (--turns_ > 0) return SignalAll();
    uv_close(reinterpret_cast<uv_handle_t*>(&check_), [](uv_handle_t* handle) {
      std::unique_ptr<LoopSignaller> self(static_cast<LoopSignaller*>(handle->data));
      const Napi::Env env = self->on_end_.Env();
      const Napi::HandleScope scope(env);
      self->on_end_.MakeCallback(env.Global(), {}, self->context_);
    });
  }

  std::vector<int> fds_;
  uint32_t* const seen_;
  Napi::ObjectReference keep_;
  uint32_t turns_;
  Napi::FunctionReference on_end_;
  Napi::AsyncContext context_;
  uv_check_t check_;
};

// signalInLoop(fds, count, seen, turns, onEnd): runs `turns` turns. A turn signals the first
// `count` eventfds, and ends when seen[0] is `count`.
void SignalInLoop(const Napi::CallbackInfo& info) { new LoopSignaller(info); }

// The parts of a delivery by the event loop. Each part also contains the parts before it.
enum class Part { kLoop, kSecondSet, kFunction, kCallback };

// Receives the signals of one eventfd, with libuv and without the library.
class LoopReceiver {
 public:
  explicit LoopReceiver(const Napi::CallbackInfo& info)
      : env_(info.Env()),
        fd_(Fd(info, 0)),
        part_(static_cast<Part>(Count(info, 1))),
        seen_(info[2].As<Napi::Uint32Array>().Data()),
        keep_(Napi::Persistent(info[2].As<Napi::Object>())),
        on_wake_(Napi::Persistent(info[3].As<Napi::Function>())),
        context_(env_, "bench") {
    uv_loop_t* loop = Loop(env_);
    if (part_ != Part::kLoop) {
      set_ = epoll_create1(EPOLL_CLOEXEC);
      Check(env_, Control(set_, EPOLL_CTL_ADD, EPOLLIN | EPOLLET) == 0, "epoll_ctl");
    }
    Check(env_, uv_poll_init(loop, &poll_, part_ == Part::kLoop ? fd_ : set_) == 0, "uv_poll_init");
    poll_.data = this;
    uv_poll_start(&poll_, UV_READABLE, [](uv_poll_t* poll, int, int) {
      static_cast<LoopReceiver*>(poll->data)->OnReady(poll->loop);
    });
    uv_unref(reinterpret_cast<uv_handle_t*>(&poll_));
  }

 private:
  int Control(int set, int operation, uint32_t events) {
    epoll_event event = {};
    event.events = events;
    event.data.fd = fd_;
    return epoll_ctl(set, operation, fd_, &event);
  }

  void OnReady(uv_loop_t* loop) {
    if (part_ == Part::kLoop) {
      // libuv has no edge-triggered polls. A change of its epoll set shows the time without a read.
      if (!edge_) edge_ = Control(uv_backend_fd(loop), EPOLL_CTL_MOD, EPOLLIN | EPOLLET) == 0;
    } else {
      epoll_event event;
      if (epoll_wait(set_, &event, 1, 0) != 1) return;
    }
    if (part_ == Part::kFunction || part_ == Part::kCallback) return CallFunction();
    if (!IsLatencyMeasured()) {
      ++*seen_;
    } else if (!SignalReceived()) {
      CallFunction();
    }
  }

  void CallFunction() {
    const Napi::HandleScope scope(env_);
    const napi_value argument = Napi::Number::New(env_, 1);
    const napi_value global = env_.Global();
    if (part_ == Part::kFunction) {
      napi_call_function(env_, global, on_wake_.Value(), 1, &argument, nullptr);
    } else {
      napi_make_callback(env_, context_, global, on_wake_.Value(), 1, &argument, nullptr);
    }
  }

  Napi::Env env_;
  const int fd_;
  const Part part_;
  uint32_t* const seen_;
  Napi::ObjectReference keep_;
  Napi::FunctionReference on_wake_;
  Napi::AsyncContext context_;
  int set_ = -1;
  bool edge_ = false;
  uv_poll_t poll_;
};

// receiveInLoop(fd, part, seen, onWake): receives the signals of an eventfd until the process ends.
// The parts with a function call `onWake`. The other parts add 1 to seen[0]. While a signaller of a
// latency runs, the other parts call `onWake` only for the last signal.
void ReceiveInLoop(const Napi::CallbackInfo& info) { new LoopReceiver(info); }

}  // namespace

void ExportLoop(Napi::Env env, Napi::Object exports) {
  exports.Set("signalInLoop", Napi::Function::New<SignalInLoop>(env));
  exports.Set("receiveInLoop", Napi::Function::New<ReceiveInLoop>(env));
}

}  // namespace vfio::bench
