#include "../core/window.h"

#include "environment.h"
#include "exposed.h"
#include "handle.h"

namespace vfio::addon {
namespace {

struct Window {
  static constexpr napi_type_tag kTag = {0x8e27d0c45b1f4a93, 0x96f0ab3d17c5e248};
  static constexpr const char* kName = "a window handle";

  // None once it is unmapped.
  SharedMapping mapping;
  size_t length;
  bool writable;
};

Napi::Value MapRegion(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Arguments arguments(info);
  const size_t length = arguments.Size(2);
  const bool writable = arguments.Boolean(3);
  auto mapping = std::make_shared<core::Mapping>();
  const int result =
      core::MapRegion(arguments.Fd(0), arguments.Size(1), length, writable, mapping.get());
  Check(env, result, "mmap");
  Napi::Object object = Napi::Object::New(env);
  object.Set("buffer", Expose(env, mapping, length));
  object.Set("handle", NewHandle(env, std::make_shared<Window>(Window{mapping, length, writable})));
  return object;
}

void UnmapRegion(const Napi::CallbackInfo& info) {
  const auto window = HandleAt<Window>(info, 0);
  const Napi::ArrayBuffer buffer = Arguments(info).ArrayBuffer(1);
  if (!window->mapping) return;
  // Registers must not stay reachable until a garbage collection: the device keeps its file open.
  if (Conceal(buffer, *window->mapping)) window->mapping->Unmap();
  window->mapping.reset();
}

struct Block {
  uint8_t* registers;
  Bytes memory;
  unsigned width;
};

Block BlockOf(const Napi::CallbackInfo& info, const Window& window) {
  const Arguments arguments(info);
  const uint64_t offset = arguments.Size(1);
  const Bytes memory = arguments.Uint8Array(2);
  const unsigned width = arguments.Width(3, 8);
  if (!window.mapping) throw Napi::TypeError::New(info.Env(), "the window is closed");
  if (offset > window.length || window.length - offset < memory.size || offset % width != 0 ||
      memory.size % width != 0) {
    throw Napi::RangeError::New(info.Env(),
                                "the block is not aligned to its width or outside of the window");
  }
  return {window.mapping->address() + offset, memory, width};
}

void ReadBlock(const Napi::CallbackInfo& info) {
  const auto window = HandleAt<Window>(info, 0);
  const Block block = BlockOf(info, *window);
  core::ReadRegisters(block.registers, block.memory.data, block.memory.size, block.width);
}

void WriteBlock(const Napi::CallbackInfo& info) {
  const auto window = HandleAt<Window>(info, 0);
  const Block block = BlockOf(info, *window);
  if (!window->writable) throw Napi::TypeError::New(info.Env(), "the window is read-only");
  core::WriteRegisters(block.registers, block.memory.data, block.memory.size, block.width);
}

}  // namespace

void ExportWindow(Napi::Object exports) {
  Export<MapRegion>(exports, "mapRegion");
  Export<UnmapRegion>(exports, "unmapRegion");
  Export<ReadBlock>(exports, "readBlock");
  Export<WriteBlock>(exports, "writeBlock");
}

}  // namespace vfio::addon
