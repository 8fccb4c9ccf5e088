#include "../core/changes.h"

#include "arguments.h"
#include "environment.h"
#include "values.h"

namespace vfio::addon {
namespace {

template <class Element>
Element* ElementsOf(const Bytes& bytes, const Arguments& arguments, size_t position) {
  if (bytes.size % sizeof(Element) != 0 ||
      reinterpret_cast<uintptr_t>(bytes.data) % alignof(Element) != 0) {
    arguments.Refuse(position, "aligned to " + std::to_string(alignof(Element)) +
                                   " bytes and a multiple of " + std::to_string(sizeof(Element)) +
                                   " bytes long");
  }
  return reinterpret_cast<Element*>(bytes.data);
}

Napi::Value TakeChanges(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const Bytes memory = arguments.Uint8Array(0);
  const Bytes seen = arguments.Uint8Array(1);
  const Bytes runs = arguments.Uint8Array(2);
  if (memory.size != seen.size) arguments.Refuse(1, "as long as argument 1");
  const size_t count = core::TakeChanges(
      ElementsOf<uint32_t>(memory, arguments, 0), ElementsOf<uint32_t>(seen, arguments, 1),
      memory.size / sizeof(uint32_t), ElementsOf<core::WordRun>(runs, arguments, 2),
      runs.size / sizeof(core::WordRun));
  return Number(info.Env(), static_cast<double>(count));
}

}  // namespace

void ExportChanges(Napi::Object exports) { Export<TakeChanges>(exports, "takeChanges"); }

}  // namespace vfio::addon
