#include "environment.h"

namespace vfio::addon {
namespace {

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  env.SetInstanceData(new Environment);
  ExportEnvironment(exports);
  ExportFiles(exports);
  ExportHotCalls(exports);
  ExportContainer(exports);
  ExportIommufd(exports);
  ExportDevice(exports);
  ExportMemory(exports);
  ExportMemoryFile(exports);
  ExportChanges(exports);
  ExportWindow(exports);
  ExportEventSet(exports);
  ExportCpu(exports);
  ExportSharedMemory(exports);
  ExportSockets(exports);
  ExportWatch(exports);
  return exports;
}

}  // namespace

NODE_API_MODULE(NODE_GYP_MODULE_NAME, Init)

}  // namespace vfio::addon
