#ifndef VFIO_ADDON_ENVIRONMENT_H_
#define VFIO_ADDON_ENVIRONMENT_H_

#include <napi.h>

#include "../core/fd_table.h"

namespace vfio::addon {

// The state of the addon in one Node environment (the main thread or a worker). The addon has no
// global state, so any number of environments can load it.
struct Environment {
  Napi::FunctionReference make_error;
  core::FdTable fds;

  static Environment& Of(Napi::Env env) { return *env.GetInstanceData<Environment>(); }
};

// Gives a descriptor to JavaScript. If JavaScript does not close the descriptor, the environment
// closes the descriptor at its end.
inline Napi::Value Adopt(Napi::Env env, int fd) {
  return Napi::Number::New(env, Environment::Of(env).fds.Adopt(core::Fd(fd)));
}

// Creates the VfioError for a failed system call. `result` is a negative errno.
Napi::Error Failure(Napi::Env env, int result, const char* syscall, const char* path = nullptr);

// Throws a VfioError if `result` is a negative errno.
inline int Check(Napi::Env env, int result, const char* syscall) {
  if (result < 0) throw Failure(env, result, syscall);
  return result;
}

// Exports `function` as `name`.
template <auto function>
void Export(Napi::Object exports, const char* name) {
  exports.Set(name, Napi::Function::New<function>(exports.Env(), name));
}

// Each function below exports the JavaScript functions of one source file in this folder.
void ExportEnvironment(Napi::Object exports);
void ExportFiles(Napi::Object exports);
void ExportHotCalls(Napi::Object exports);
void ExportChanges(Napi::Object exports);
void ExportContainer(Napi::Object exports);
void ExportIommufd(Napi::Object exports);
void ExportDevice(Napi::Object exports);
void ExportMemory(Napi::Object exports);
void ExportMemoryFile(Napi::Object exports);
void ExportWindow(Napi::Object exports);
void ExportEventSet(Napi::Object exports);
void ExportCpu(Napi::Object exports);
void ExportSharedMemory(Napi::Object exports);
void ExportSockets(Napi::Object exports);
void ExportWatch(Napi::Object exports);

}  // namespace vfio::addon

#endif  // VFIO_ADDON_ENVIRONMENT_H_
