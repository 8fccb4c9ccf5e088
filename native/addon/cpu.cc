#include "../core/cpu.h"

#include "arguments.h"
#include "environment.h"

namespace vfio::addon {
namespace {

void VisitCpu(const Napi::CallbackInfo& info) {
  const auto cpu = static_cast<unsigned>(Arguments(info).Integer(0, 0, 65535));
  Check(info.Env(), core::VisitCpu(cpu), "sched_setaffinity");
}

}  // namespace

void ExportCpu(Napi::Object exports) { Export<VisitCpu>(exports, "visitCpu"); }

}  // namespace vfio::addon
