#ifndef VFIO_ADDON_LOOP_CALLBACK_H_
#define VFIO_ADDON_LOOP_CALLBACK_H_

#include <napi.h>

#include <initializer_list>

namespace vfio::addon {

// A JavaScript function that the event loop calls, with the asynchronous context of the calls.
class LoopCallback {
 public:
  explicit LoopCallback(Napi::Function function)
      : function_(Napi::Persistent(function)), context_(function.Env(), "vfio") {}

  // Calls the function, then runs the microtasks. The caller has opened a handle scope, and calls
  // ReportException() afterwards.
  void Call(std::initializer_list<napi_value> arguments) {
    const napi_env env = function_.Env();
    napi_make_callback(env, context_, Napi::Env(env).Global(), function_.Value(), arguments.size(),
                       arguments.begin(), nullptr);
  }

  // Reports an exception of a call as an uncaught exception, like an exception in a timer of Node.
  // The loop continues.
  static void ReportException(napi_env env) {
    bool pending = false;
    napi_value exception = nullptr;
    if (napi_is_exception_pending(env, &pending) == napi_ok && pending &&
        napi_get_and_clear_last_exception(env, &exception) == napi_ok) {
      napi_fatal_exception(env, exception);
    }
  }

 private:
  Napi::FunctionReference function_;
  Napi::AsyncContext context_;
};

}  // namespace vfio::addon

#endif  // VFIO_ADDON_LOOP_CALLBACK_H_
