#include "environment.h"

namespace vfio::addon {
namespace {

void Initialize(const Napi::CallbackInfo& info) {
  if (!info[0].IsFunction()) {
    throw Napi::TypeError::New(info.Env(), "argument 1 must be a function that makes an error");
  }
  Environment::Of(info.Env()).make_error = Napi::Persistent(info[0].As<Napi::Function>());
}

}  // namespace

Napi::Error Failure(Napi::Env env, int result, const char* syscall, const char* path) {
  const Environment& environment = Environment::Of(env);
  if (environment.make_error.IsEmpty()) {
    return Napi::Error::New(env, "the addon is not initialized: call initialize() first");
  }
  const auto text = [env](const char* string) -> Napi::Value {
    if (string == nullptr) return env.Undefined();
    return Napi::String::New(env, string);
  };
  const Napi::Value error =
      environment.make_error.Call({Napi::Number::New(env, -result), text(syscall), text(path)});
  return Napi::Error(env, error);
}

void ExportEnvironment(Napi::Object exports) { Export<Initialize>(exports, "initialize"); }

}  // namespace vfio::addon
