#ifndef VFIO_ADDON_ASYNC_CALL_H_
#define VFIO_ADDON_ASYNC_CALL_H_

#include <napi.h>

#include <utility>

#include "environment.h"

namespace vfio::addon {

// What a promise resolves with.
enum class Yields { kNothing, kNumber, kFd };

// One call on a thread of the pool, and its promise. `Call` gives a value or a negative errno and
// owns all it uses, so that neither close() nor the end of the environment can pull it away.
template <Yields yields, class Call>
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
    // Of the worker until the environment has it: it may end before that.
    if constexpr (yields == Yields::kFd) fd_ = core::Fd(result_);
  }

  void OnOK() override {
    if (result_ < 0) {
      promise_.Reject(Failure(Env(), static_cast<int>(result_), syscall_).Value());
    } else if constexpr (yields == Yields::kFd) {
      promise_.Resolve(Number(Environment::Of(Env()).fds.Adopt(std::move(fd_))));
    } else if constexpr (yields == Yields::kNumber) {
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

template <Yields yields = Yields::kNothing, class Call>
Napi::Promise CallAsync(Napi::Env env, const char* syscall, Call call) {
  auto* worker = new AsyncCall<yields, Call>(env, syscall, std::move(call));
  const Napi::Promise promise = worker->Promise();
  worker->Queue();
  return promise;
}

}  // namespace vfio::addon

#endif  // VFIO_ADDON_ASYNC_CALL_H_
