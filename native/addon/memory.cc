#include "../core/memory.h"

#include "environment.h"
#include "exposed.h"
#include "handle.h"
#include "values.h"

namespace vfio::addon {
namespace {

using SharedMapping = std::shared_ptr<core::Mapping>;

// Memory for a device. After a release, the memory stays mapped until no ArrayBuffer shows the
// memory.
struct Memory {
  static constexpr napi_type_tag kTag = {0x5f3c1b7a9de24086, 0xa4d1790e62bc8f35};
  static constexpr const char* kName = "a memory handle";

  // The mapping for the device, and the mapping that the ArrayBuffer shows. A read-only file has
  // two different mappings. For all other memory, `shared` and `visible` are the same mapping.
  SharedMapping shared;
  SharedMapping visible;
};

Napi::Value NewMemory(Napi::Env env, const SharedMapping& shared, const SharedMapping& visible,
                      size_t size) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("address", BigInt(env, reinterpret_cast<uintptr_t>(shared->address())));
  object.Set("buffer", Expose(env, visible, visible->address(), size));
  object.Set("handle", NewHandle(env, std::make_shared<Memory>(Memory{shared, visible})));
  return object;
}

// A size in bytes, from 1 to 2^53 - 1.
size_t MemorySize(const Arguments& arguments, size_t position) {
  const uint64_t size = arguments.Size(position);
  if (size == 0) arguments.Refuse(position, "more than 0");
  return size;
}

Napi::Value MemoryAllocate(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const size_t size = MemorySize(arguments, 0);
  const auto shift = static_cast<int>(arguments.Integer(1, core::kTransparentHugePages, 30));
  auto mapping = std::make_shared<core::Mapping>();
  Check(info.Env(), core::AllocateMemory(size, shift, mapping.get()), "mmap");
  return NewMemory(info.Env(), mapping, mapping, size);
}

Napi::Value MemoryMapFd(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const size_t size = MemorySize(arguments, 2);
  const bool writable = arguments.Boolean(3);
  core::FileMemory mapped;
  const int result =
      core::MapFileMemory(arguments.Fd(0), arguments.Size(1), size, writable, &mapped);
  Check(info.Env(), result, "mmap");
  const auto shared = std::make_shared<core::Mapping>(std::move(mapped.shared));
  if (writable) return NewMemory(info.Env(), shared, shared, size);
  const auto readable = std::make_shared<core::Mapping>(std::move(mapped.readable));
  return NewMemory(info.Env(), shared, readable, size);
}

Napi::Value AddressOf(const Napi::CallbackInfo& info) {
  const Bytes view = Arguments(info).Uint8Array(0);
  return BigInt(info.Env(), reinterpret_cast<uintptr_t>(view.data));
}

void MemoryRelease(const Napi::CallbackInfo& info) {
  const auto memory = HandleAt<Memory>(info, 0);
  const Napi::ArrayBuffer buffer = Arguments(info).ArrayBuffer(1);
  if (!memory->visible) return;
  DetachExposed(buffer, memory->visible->address());
  *memory = {};
}

}  // namespace

void ExportMemory(Napi::Object exports) {
  Export<MemoryAllocate>(exports, "memoryAllocate");
  Export<MemoryMapFd>(exports, "memoryMapFd");
  Export<AddressOf>(exports, "addressOf");
  Export<MemoryRelease>(exports, "memoryRelease");
}

}  // namespace vfio::addon
