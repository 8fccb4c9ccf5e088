#include "bench.h"

namespace vfio::bench {
namespace {

Napi::Object Initialize(Napi::Env env, Napi::Object exports) {
  ExportRegisters(env, exports);
  ExportFiles(env, exports);
  ExportRounds(env, exports);
  ExportLatency(env, exports);
  ExportMemory(env, exports);
  return exports;
}

NODE_API_MODULE(bench, Initialize)

}  // namespace
}  // namespace vfio::bench
