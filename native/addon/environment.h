#ifndef VFIO_ADDON_ENVIRONMENT_H_
#define VFIO_ADDON_ENVIRONMENT_H_

#include <napi.h>

#include "../core/fd_table.h"

namespace vfio::addon {

// All there is for one Node environment (the main thread or a worker): the addon has no other
// state, so that any number of them can load it.
struct Environment {
  Napi::FunctionReference make_error;
  core::FdTable fds;

  static Environment& Of(Napi::Env env) { return *env.GetInstanceData<Environment>(); }
};

// The error of a failed call, as the library's own class.
Napi::Error Failure(Napi::Env env, int result, const char* syscall, const char* path = nullptr);

// Throws if `result` is a negative errno.
inline int Check(Napi::Env env, int result, const char* syscall) {
  if (result < 0) throw Failure(env, result, syscall);
  return result;
}

// Makes the function `name` of the addon.
template <auto function>
void Export(Napi::Object exports, const char* name) {
  exports.Set(name, Napi::Function::New<function>(exports.Env(), name));
}

// One a file of this folder.
void ExportEnvironment(Napi::Object exports);
void ExportFiles(Napi::Object exports);
void ExportHotCalls(Napi::Object exports);
void ExportContainer(Napi::Object exports);
void ExportIommufd(Napi::Object exports);
void ExportDevice(Napi::Object exports);
void ExportMemory(Napi::Object exports);
void ExportWindow(Napi::Object exports);
void ExportEventSet(Napi::Object exports);
void ExportCpu(Napi::Object exports);

}  // namespace vfio::addon

#endif  // VFIO_ADDON_ENVIRONMENT_H_
