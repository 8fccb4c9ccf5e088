#include "../core/window.h"

#include "environment.h"
#include "exposed.h"
#include "handle.h"

namespace vfio::addon {
namespace {

struct Window {
  static constexpr napi_type_tag kTag = {0x8e27d0c45b1f4a93, 0x96f0ab3d17c5e248};
  static constexpr const char* kName = "a window handle";

  // Empty after unmapRegion.
  std::shared_ptr<core::Window> mapped;
};

Napi::Value MapRegion(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Arguments arguments(info);
  const uint64_t offset = arguments.Size(1);
  const size_t length = arguments.Size(2);
  const bool writable = arguments.Boolean(3);
  std::unique_ptr<core::Window> mapped;
  const int result =
      core::Window::Map(arguments.SharedFd(0, "mmap"), offset, length, writable, &mapped);
  Check(env, result, "mmap");
  const std::shared_ptr<core::Window> window = std::move(mapped);
  Napi::Object object = Napi::Object::New(env);
  object.Set("buffer", Expose(env, window, window->registers(), length));
  object.Set("lost", Expose(env, window, window->lost(), sizeof(*window->lost())));
  object.Set("handle", NewHandle(env, std::make_shared<Window>(Window{window})));
  return object;
}

void UnmapRegion(const Napi::CallbackInfo& info) {
  const auto window = HandleAt<Window>(info, 0);
  const Napi::ArrayBuffer buffer = Arguments(info).ArrayBuffer(1);
  if (!window->mapped) return;
  // The registers are unmapped here and not at the next garbage collection, because a mapping keeps
  // the device file open.
  if (DetachExposed(buffer, window->mapped->registers())) window->mapped->Unmap();
  window->mapped.reset();
}

struct Block {
  core::Window& window;
  uint64_t offset;
  Bytes memory;
  unsigned width;
};

Block BlockOf(const Napi::CallbackInfo& info, const Window& handle) {
  const Arguments arguments(info);
  const uint64_t offset = arguments.Size(1);
  const Bytes memory = arguments.Uint8Array(2);
  const unsigned width = arguments.Width(3, 8);
  if (!handle.mapped) throw Napi::TypeError::New(info.Env(), "the window is closed");
  core::Window& window = *handle.mapped;
  if (offset > window.length() || window.length() - offset < memory.size || offset % width != 0 ||
      memory.size % width != 0) {
    throw Napi::RangeError::New(info.Env(), "the block of " + std::to_string(memory.size) +
                                                " bytes at offset " + std::to_string(offset) +
                                                " is not aligned to " + std::to_string(width) +
                                                " bytes or exceeds the window of " +
                                                std::to_string(window.length()) + " bytes");
  }
  return {window, offset, memory, width};
}

void ReadBlock(const Napi::CallbackInfo& info) {
  const auto handle = HandleAt<Window>(info, 0);
  const auto [window, offset, memory, width] = BlockOf(info, *handle);
  window.Read(offset, memory.data, memory.size, width);
}

void WriteBlock(const Napi::CallbackInfo& info) {
  const auto handle = HandleAt<Window>(info, 0);
  const auto [window, offset, memory, width] = BlockOf(info, *handle);
  if (!window.writable()) throw Napi::TypeError::New(info.Env(), "the window is read-only");
  window.Write(offset, memory.data, memory.size, width);
}

}  // namespace

void ExportWindow(Napi::Object exports) {
  Export<MapRegion>(exports, "mapRegion");
  Export<UnmapRegion>(exports, "unmapRegion");
  Export<ReadBlock>(exports, "readBlock");
  Export<WriteBlock>(exports, "writeBlock");
}

}  // namespace vfio::addon
