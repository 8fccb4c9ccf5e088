#ifndef VFIO_ADDON_ASYNC_CALL_H_
#define VFIO_ADDON_ASYNC_CALL_H_

#include <napi.h>

#include <utility>

#include "environment.h"

namespace vfio::addon {

// The value that the promise of an AsyncCall resolves to.
enum class ResolvesWith { kNothing, kNumber, kFd };

// One system call that runs on a thread of the libuv pool and settles a promise. `Call` returns a
// value or a negative errno. `Call` owns the memory and the files of the call, so close() and the
// end of the environment do not release the memory or the files during the call.
template <ResolvesWith kind, class Call>
class AsyncCall : public Napi::AsyncWorker {
 public:
  AsyncCall(Napi::Env env, const char* syscall, Call call)
      : Napi::AsyncWorker(env, syscall),
        promise_(Napi::Promise::Deferred::New(env)),
        syscall_(syscall),
        call_(std::move(call)) {}

  Napi::Promise Promise() const { return promise_.Promise(); }

  void Execute() override {
    result_ = call_();
    // The worker owns the fd until OnOK(), because the environment can end before OnOK() runs.
    if constexpr (kind == ResolvesWith::kFd) fd_ = core::Fd(result_);
  }

  void OnOK() override {
    if (result_ < 0) {
      promise_.Reject(Failure(Env(), static_cast<int>(result_), syscall_).Value());
    } else if constexpr (kind == ResolvesWith::kFd) {
      promise_.Resolve(Number(Environment::Of(Env()).fds.Adopt(std::move(fd_))));
    } else if constexpr (kind == ResolvesWith::kNumber) {
      promise_.Resolve(Number(static_cast<double>(result_)));
    } else {
      promise_.Resolve(Env().Undefined());
    }
  }

 private:
  Napi::Number Number(double value) const { return Napi::Number::New(Env(), value); }

  Napi::Promise::Deferred promise_;
  const char* syscall_;
  Call call_;
  int64_t result_ = 0;
  core::Fd fd_;
};

// Queues `call` on the pool and returns its promise.
template <ResolvesWith kind = ResolvesWith::kNothing, class Call>
Napi::Promise CallAsync(Napi::Env env, const char* syscall, Call call) {
  auto* worker = new AsyncCall<kind, Call>(env, syscall, std::move(call));
  const Napi::Promise promise = worker->Promise();
  worker->Queue();
  return promise;
}

}  // namespace vfio::addon

#endif  // VFIO_ADDON_ASYNC_CALL_H_
