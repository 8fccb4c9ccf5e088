#include "../core/shared_memory.h"

#include "environment.h"
#include "handle.h"
#include "values.h"

namespace vfio::addon {
namespace {

struct SharedMemory {
  static constexpr napi_type_tag kTag = {0x17e5b90c3fd84a62, 0xb7a3604e2c91d5f8};
  static constexpr const char* kName = "a shared memory handle";

  // Empty after sharedMemoryUnmap.
  std::unique_ptr<core::SharedMemory> mapped;
};

Napi::Value SharedMemoryMap(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Arguments arguments(info);
  auto memory = std::make_shared<SharedMemory>();
  const int result = core::SharedMemory::Map(arguments.Fd(0), arguments.Size(1), &memory->mapped);
  Check(env, result, "mmap");
  Napi::Object object = Napi::Object::New(env);
  object.Set("address", BigInt(env, reinterpret_cast<uintptr_t>(memory->mapped->address())));
  object.Set("writable", Napi::Boolean::New(env, memory->mapped->writable()));
  object.Set("handle", NewHandle(env, memory));
  return object;
}

struct Range {
  core::SharedMemory& memory;
  uint64_t offset;
  Bytes bytes;
};

Range RangeOf(const Napi::CallbackInfo& info, const SharedMemory& handle) {
  const Arguments arguments(info);
  const uint64_t offset = arguments.Size(1);
  const Bytes bytes = arguments.Uint8Array(2);
  if (!handle.mapped) throw Napi::TypeError::New(info.Env(), "the memory is unmapped");
  const size_t size = handle.mapped->size();
  if (offset > size || size - offset < bytes.size) {
    throw Napi::RangeError::New(info.Env(), std::to_string(bytes.size) + " bytes at offset " +
                                                std::to_string(offset) + " exceed the memory of " +
                                                std::to_string(size) + " bytes");
  }
  return {*handle.mapped, offset, bytes};
}

Napi::Value SharedMemoryRead(const Napi::CallbackInfo& info) {
  const auto handle = HandleAt<SharedMemory>(info, 0);
  const auto [memory, offset, bytes] = RangeOf(info, *handle);
  return Napi::Boolean::New(info.Env(), memory.Read(offset, bytes.data, bytes.size));
}

Napi::Value SharedMemoryWrite(const Napi::CallbackInfo& info) {
  const auto handle = HandleAt<SharedMemory>(info, 0);
  const auto [memory, offset, bytes] = RangeOf(info, *handle);
  if (!memory.writable()) throw Napi::TypeError::New(info.Env(), "the memory is read-only");
  return Napi::Boolean::New(info.Env(), memory.Write(offset, bytes.data, bytes.size));
}

void SharedMemoryUnmap(const Napi::CallbackInfo& info) {
  HandleAt<SharedMemory>(info, 0)->mapped.reset();
}

}  // namespace

void ExportSharedMemory(Napi::Object exports) {
  Export<SharedMemoryMap>(exports, "sharedMemoryMap");
  Export<SharedMemoryRead>(exports, "sharedMemoryRead");
  Export<SharedMemoryWrite>(exports, "sharedMemoryWrite");
  Export<SharedMemoryUnmap>(exports, "sharedMemoryUnmap");
}

}  // namespace vfio::addon
