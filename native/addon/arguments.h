#ifndef VFIO_ADDON_ARGUMENTS_H_
#define VFIO_ADDON_ARGUMENTS_H_

#include <napi.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "../core/cdev.h"
#include "../core/fd.h"

namespace vfio::addon {

struct Bytes {
  uint8_t* data;
  size_t size;
};

// The arguments of a call. Each method checks the argument at a position and returns its value. If
// an argument has a wrong type or is out of range, the method throws a TypeError that names the
// argument.
class Arguments {
 public:
  explicit Arguments(const Napi::CallbackInfo& info) : info_(info) {}

  int Fd(size_t position) const;
  // A file descriptor, or -1 for no file.
  int FdOrNone(size_t position) const;
  // Returns a reference that keeps the file open, even after close(). If the fd cannot be
  // duplicated, the error names `syscall`.
  std::shared_ptr<const core::Fd> SharedFd(size_t position, const char* syscall) const;
  int64_t Integer(size_t position, int64_t minimum, int64_t maximum) const;
  uint32_t Uint32(size_t position) const;
  // A size or an offset in bytes: an integer from 0 to 2^53 - 1.
  uint64_t Size(size_t position) const;
  uint64_t BigUint64(size_t position) const;
  // An access width in bytes: a power of two from 1 to `maximum`.
  unsigned Width(size_t position, unsigned maximum) const;
  bool Boolean(size_t position) const;
  std::string String(size_t position) const;
  Bytes Uint8Array(size_t position) const;
  Napi::ArrayBuffer ArrayBuffer(size_t position) const;
  Napi::Function Function(size_t position) const;
  std::optional<uint32_t> Uint32OrNull(size_t position) const;
  std::optional<core::VfToken> TokenOrNull(size_t position) const;
  std::vector<int32_t> Fds(size_t position) const;

  // Throws the TypeError "argument <position + 1> must be <expected>".
  [[noreturn]] void Refuse(size_t position, const std::string& expected) const;

 private:
  const Napi::CallbackInfo& info_;
};

}  // namespace vfio::addon

#endif  // VFIO_ADDON_ARGUMENTS_H_
