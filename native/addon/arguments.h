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

// The arguments of a call by position, checked: a TypeError, naming it, if one is of another kind
// or outside of the kind's range.
class Arguments {
 public:
  explicit Arguments(const Napi::CallbackInfo& info) : info_(info) {}

  int Fd(size_t position) const;
  // Like Fd, and -1 for none.
  int FdOrNone(size_t position) const;
  // Keeps the file open for as long as the result lives, whoever closes the number.
  std::shared_ptr<const core::Fd> HeldFd(size_t position, const char* syscall) const;
  int64_t Integer(size_t position, int64_t least, int64_t most) const;
  uint32_t Uint32(size_t position) const;
  // A size or an offset in bytes: a number of up to 2^53 - 1.
  uint64_t Size(size_t position) const;
  uint64_t BigUint64(size_t position) const;
  // 1, 2, 4 or 8, up to `most`.
  unsigned Width(size_t position, unsigned most) const;
  bool Boolean(size_t position) const;
  std::string String(size_t position) const;
  Bytes Uint8Array(size_t position) const;
  Napi::ArrayBuffer ArrayBuffer(size_t position) const;
  Napi::Function Function(size_t position) const;
  std::optional<uint32_t> Uint32OrNull(size_t position) const;
  std::optional<core::VfToken> TokenOrNull(size_t position) const;
  std::vector<int32_t> Fds(size_t position) const;

  [[noreturn]] void Refuse(size_t position, const std::string& expected) const;

 private:
  const Napi::CallbackInfo& info_;
};

}  // namespace vfio::addon

#endif  // VFIO_ADDON_ARGUMENTS_H_
