#include <memory>

#include "environment.h"
#include "handle.h"
#include "loop_callback.h"
#include "loop_poll.h"

namespace vfio::addon {
namespace {

// A file that the event loop watches. Until Unref(), a started watch keeps the event loop alive.
// The watch is level triggered: while the file stays ready, each turn of the loop calls the
// function.
class Watch final : public std::enable_shared_from_this<Watch>, private LoopPoll::Owner {
 public:
  static constexpr napi_type_tag kTag = {0x6d0f3ae1972b4c58, 0x8b51c7f2e04d9a36};
  static constexpr const char* kName = "a watch handle";

  Watch(std::shared_ptr<const core::Fd> file, Napi::Function on_ready)
      : env_(on_ready.Env()),
        file_(std::move(file)),
        receiver_(std::make_shared<LoopCallback>(on_ready)) {
    Check(env_, LoopPoll::Open(env_, file_->number(), this, &poll_), "uv_poll_init");
    poll_->Ref();
  }
  ~Watch() { CloseWatch(); }

  void Start(int events) {
    if (poll_ == nullptr) throw Napi::TypeError::New(env_, "the watch is closed");
    Check(env_, poll_->Start(events), "uv_poll_start");
  }
  void Stop() {
    if (poll_ != nullptr) poll_->Stop();
  }
  void Unref() {
    if (poll_ != nullptr) poll_->Unref();
  }
  void Close() {
    CloseWatch();
    receiver_.reset();
  }

 private:
  void OnReady() override {
    const Napi::HandleScope scope(env_);
    // During the call, the callback can close the watch and drop the last reference to this object.
    const std::shared_ptr<Watch> self = shared_from_this();
    const std::shared_ptr<LoopCallback> receiver = receiver_;
    receiver->Call({});
    LoopCallback::ReportException(env_);
  }
  void OnTeardown() override { CloseWatch(); }

  // Does not reset the reference to the function, because a reset can throw.
  void CloseWatch() {
    // libuv must stop polling the file before the file is closed.
    if (poll_ != nullptr) std::exchange(poll_, nullptr)->Close();
    file_.reset();
  }

  Napi::Env env_;
  std::shared_ptr<const core::Fd> file_;
  std::shared_ptr<LoopCallback> receiver_;
  LoopPoll* poll_ = nullptr;
};

Napi::Value WatchOpen(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const Napi::Function on_ready = arguments.Function(1);
  auto file = arguments.SharedFd(0, "uv_poll_init");
  return NewHandle(info.Env(), std::make_shared<Watch>(std::move(file), on_ready));
}

void WatchStart(const Napi::CallbackInfo& info) {
  const auto events = static_cast<int>(Arguments(info).Integer(1, 1, UV_READABLE | UV_WRITABLE));
  HandleAt<Watch>(info, 0)->Start(events);
}

void WatchStop(const Napi::CallbackInfo& info) { HandleAt<Watch>(info, 0)->Stop(); }

void WatchUnref(const Napi::CallbackInfo& info) { HandleAt<Watch>(info, 0)->Unref(); }

void WatchClose(const Napi::CallbackInfo& info) { HandleAt<Watch>(info, 0)->Close(); }

}  // namespace

void ExportWatch(Napi::Object exports) {
  Export<WatchOpen>(exports, "watchOpen");
  Export<WatchStart>(exports, "watchStart");
  Export<WatchStop>(exports, "watchStop");
  Export<WatchUnref>(exports, "watchUnref");
  Export<WatchClose>(exports, "watchClose");
}

}  // namespace vfio::addon
