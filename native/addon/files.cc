#include <cstring>
#include <vector>

#include "../core/eventfd.h"
#include "../core/file.h"
#include "arguments.h"
#include "environment.h"

namespace vfio::addon {
namespace {

Napi::Value Open(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const std::string path = arguments.String(0);
  const int fd = core::Open(path.c_str(), arguments.Boolean(1));
  if (fd < 0) throw Failure(info.Env(), fd, "open", path.c_str());
  return Adopt(info.Env(), fd);
}

Napi::Value Duplicate(const Napi::CallbackInfo& info) {
  const int fd = core::Duplicate(Arguments(info).Fd(0));
  return Adopt(info.Env(), Check(info.Env(), fd, "fcntl"));
}

Napi::Value FileKind(const Napi::CallbackInfo& info) {
  core::FileKind kind;
  Check(info.Env(), core::FindFileKind(Arguments(info).Fd(0), &kind), "statx");
  const auto name = [kind] {
    switch (kind) {
      case core::FileKind::kMemory:
        return "memory";
      case core::FileKind::kHuge:
        return "huge";
      case core::FileKind::kDevice:
        return "device";
      case core::FileKind::kRegular:
        return "regular";
      case core::FileKind::kOther:
        break;
    }
    return "other";
  };
  return Napi::String::New(info.Env(), name());
}

Napi::Value EventfdCreate(const Napi::CallbackInfo& info) {
  return Adopt(info.Env(), Check(info.Env(), core::EventfdCreate(), "eventfd"));
}

// The first argument contains 32-bit numbers in the byte order of the machine, like an Int32Array.
void EventfdSignalAll(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const Bytes bytes = arguments.Uint8Array(0);
  const uint32_t count = arguments.Uint32(1);
  if (count > bytes.size / sizeof(int32_t)) {
    arguments.Refuse(1, "at most the count of numbers in argument 1");
  }
  if (count == 0) return;
  std::vector<int32_t> numbers(count);
  std::memcpy(numbers.data(), bytes.data, numbers.size() * sizeof(int32_t));
  Check(info.Env(), core::EventfdSignalAll(numbers.data(), numbers.size()), "write");
}

void Close(const Napi::CallbackInfo& info) {
  Environment::Of(info.Env()).fds.Close(Arguments(info).Fd(0));
}

Napi::Value ReadAt(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const Bytes into = arguments.Uint8Array(2);
  const ssize_t result = core::ReadAt(arguments.Fd(0), arguments.Size(1), into.data, into.size);
  if (result < 0) throw Failure(info.Env(), static_cast<int>(result), "read");
  return Napi::Number::New(info.Env(), static_cast<double>(result));
}

Napi::Value WriteAt(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const Bytes from = arguments.Uint8Array(2);
  const ssize_t result = core::WriteAt(arguments.Fd(0), arguments.Size(1), from.data, from.size);
  if (result < 0) throw Failure(info.Env(), static_cast<int>(result), "write");
  return Napi::Number::New(info.Env(), static_cast<double>(result));
}

}  // namespace

void ExportFiles(Napi::Object exports) {
  Export<Open>(exports, "open");
  Export<Duplicate>(exports, "duplicate");
  Export<FileKind>(exports, "fileKind");
  Export<EventfdCreate>(exports, "eventfdCreate");
  Export<EventfdSignalAll>(exports, "eventfdSignalAll");
  Export<Close>(exports, "close");
  Export<ReadAt>(exports, "pread");
  Export<WriteAt>(exports, "pwrite");
}

}  // namespace vfio::addon
