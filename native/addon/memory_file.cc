#include "../core/memory_file.h"

#include "environment.h"
#include "exposed.h"
#include "handle.h"
#include "values.h"

namespace vfio::addon {
namespace {

// The mapping of a memory file. An ArrayBuffer of a piece keeps the mapping in the process.
struct MemoryFile {
  static constexpr napi_type_tag kTag = {0x2d7a94c1e05b638f, 0x8c46f1d93ab27e50};
  static constexpr const char* kName = "a memory file handle";

  core::Mapping mapping;
  size_t capacity = 0;
};

// A range of bytes within the capacity.
struct Piece {
  uint64_t offset;
  size_t size;
};

int ShiftArgument(const Arguments& arguments, size_t position) {
  return static_cast<int>(arguments.Integer(position, 0, 30));
}

Piece PieceOf(const Napi::CallbackInfo& info, const MemoryFile& file) {
  const Arguments arguments(info);
  const uint64_t offset = arguments.Size(2);
  const uint64_t size = arguments.Size(3);
  if (size == 0 || offset > file.capacity || size > file.capacity - offset) {
    arguments.Refuse(3, "a size within the capacity of " + std::to_string(file.capacity));
  }
  return {offset, size};
}

Napi::Value MemoryFileCreate(const Napi::CallbackInfo& info) {
  const int fd = core::CreateMemoryFile(ShiftArgument(Arguments(info), 0));
  return Adopt(info.Env(), Check(info.Env(), fd, "memfd_create"));
}

Napi::Value MemoryFileMap(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto file = std::make_shared<MemoryFile>();
  file->capacity = arguments.Size(1);
  const int result = core::MapMemoryFile(arguments.Fd(0), file->capacity,
                                         ShiftArgument(arguments, 2), &file->mapping);
  Check(info.Env(), result, "mmap");
  return NewHandle(info.Env(), file);
}

Napi::Value MemoryFileAllocate(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto file = HandleAt<MemoryFile>(info, 0);
  const auto [offset, size] = PieceOf(info, *file);
  const int fd = Arguments(info).Fd(1);
  Check(env, core::AllocatePiece(fd, offset, size), "fallocate");
  try {
    return Expose(env, file, file->mapping.address() + offset, size);
  } catch (...) {
    core::FreePiece(fd, offset, size);
    throw;
  }
}

Napi::Value MemoryFileFree(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto file = HandleAt<MemoryFile>(info, 0);
  const auto [offset, size] = PieceOf(info, *file);
  const Arguments arguments(info);
  const bool detached = DetachExposed(arguments.ArrayBuffer(4), file->mapping.address() + offset);
  const int fd = arguments.FdOrNone(1);
  if (detached && fd >= 0) Check(env, core::FreePiece(fd, offset, size), "fallocate");
  return Napi::Boolean::New(env, detached);
}

}  // namespace

void ExportMemoryFile(Napi::Object exports) {
  Export<MemoryFileCreate>(exports, "memoryFileCreate");
  Export<MemoryFileMap>(exports, "memoryFileMap");
  Export<MemoryFileAllocate>(exports, "memoryFileAllocate");
  Export<MemoryFileFree>(exports, "memoryFileFree");
}

}  // namespace vfio::addon
