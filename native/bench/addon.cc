#include "bench.h"

namespace vfio::bench {
namespace {

// threadTime(): returns the CPU time of this thread in nanoseconds.
Napi::Value TimeOfThread(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), ThreadTime());
}

Napi::Object Initialize(Napi::Env env, Napi::Object exports) {
  exports.Set("threadTime", Napi::Function::New<TimeOfThread>(env));
  ExportRegisters(env, exports);
  ExportFiles(env, exports);
  ExportRounds(env, exports);
  ExportLatency(env, exports);
  ExportMemory(env, exports);
  ExportLoop(env, exports);
  return exports;
}

NODE_API_MODULE(bench, Initialize)

}  // namespace
}  // namespace vfio::bench
