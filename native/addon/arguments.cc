#include "arguments.h"

#include <algorithm>
#include <climits>
#include <cmath>

#include "environment.h"

namespace vfio::addon {
namespace {

constexpr int64_t kMaxSafeInteger = (int64_t{1} << 53) - 1;

// Whether a value is an integer from `minimum` to `maximum`.
bool IsInteger(const Napi::Value& value, int64_t minimum, int64_t maximum) {
  if (!value.IsNumber()) return false;
  const double number = value.As<Napi::Number>();
  return number >= static_cast<double>(minimum) && number <= static_cast<double>(maximum) &&
         std::trunc(number) == number;
}

}  // namespace

void Arguments::Refuse(size_t position, const std::string& expected) const {
  throw Napi::TypeError::New(info_.Env(),
                             "argument " + std::to_string(position + 1) + " must be " + expected);
}

int64_t Arguments::Integer(size_t position, int64_t minimum, int64_t maximum) const {
  if (!IsInteger(info_[position], minimum, maximum)) {
    Refuse(position,
           "an integer from " + std::to_string(minimum) + " to " + std::to_string(maximum));
  }
  return info_[position].As<Napi::Number>().Int64Value();
}

int Arguments::Fd(size_t position) const { return static_cast<int>(Integer(position, 0, INT_MAX)); }

int Arguments::FdOrNone(size_t position) const {
  return static_cast<int>(Integer(position, -1, INT_MAX));
}

std::shared_ptr<const core::Fd> Arguments::SharedFd(size_t position, const char* syscall) const {
  std::shared_ptr<const core::Fd> shared;
  Check(info_.Env(), Environment::Of(info_.Env()).fds.Share(Fd(position), &shared), syscall);
  return shared;
}

uint32_t Arguments::Uint32(size_t position) const {
  return static_cast<uint32_t>(Integer(position, 0, UINT32_MAX));
}

uint64_t Arguments::Size(size_t position) const {
  return static_cast<uint64_t>(Integer(position, 0, kMaxSafeInteger));
}

uint64_t Arguments::BigUint64(size_t position) const {
  bool lossless = false;
  uint64_t number = 0;
  if (info_[position].IsBigInt()) {
    number = info_[position].As<Napi::BigInt>().Uint64Value(&lossless);
  }
  if (!lossless) Refuse(position, "a bigint from 0 to 2^64 - 1");
  return number;
}

unsigned Arguments::Width(size_t position, unsigned maximum) const {
  const auto width = static_cast<unsigned>(Integer(position, 1, maximum));
  if ((width & (width - 1)) != 0) Refuse(position, "a power of two");
  return width;
}

bool Arguments::Boolean(size_t position) const {
  if (!info_[position].IsBoolean()) Refuse(position, "a boolean");
  return info_[position].As<Napi::Boolean>();
}

std::string Arguments::String(size_t position) const {
  if (!info_[position].IsString()) Refuse(position, "a string");
  std::string string = info_[position].As<Napi::String>();
  if (string.find('\0') != std::string::npos) Refuse(position, "a string without null bytes");
  return string;
}

Bytes Arguments::Uint8Array(size_t position) const {
  const Napi::Value value = info_[position];
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array) {
    Refuse(position, "a Uint8Array");
  }
  auto array = value.As<Napi::Uint8Array>();
  return {array.Data(), array.ByteLength()};
}

Napi::ArrayBuffer Arguments::ArrayBuffer(size_t position) const {
  if (!info_[position].IsArrayBuffer()) Refuse(position, "an ArrayBuffer");
  return info_[position].As<Napi::ArrayBuffer>();
}

Napi::Function Arguments::Function(size_t position) const {
  if (!info_[position].IsFunction()) Refuse(position, "a function");
  return info_[position].As<Napi::Function>();
}

std::optional<uint32_t> Arguments::Uint32OrNull(size_t position) const {
  if (info_[position].IsNull()) return std::nullopt;
  return Uint32(position);
}

std::optional<core::VfToken> Arguments::TokenOrNull(size_t position) const {
  if (info_[position].IsNull()) return std::nullopt;
  const Bytes bytes = Uint8Array(position);
  core::VfToken token;
  if (bytes.size != token.size()) Refuse(position, "16 bytes");
  std::copy_n(bytes.data, token.size(), token.begin());
  return token;
}

std::vector<int32_t> Arguments::Fds(size_t position) const {
  if (!info_[position].IsArray()) Refuse(position, "an array of file descriptors");
  const auto array = info_[position].As<Napi::Array>();
  std::vector<int32_t> fds;
  for (uint32_t i = 0; i < array.Length(); i++) {
    const Napi::Value element = array.Get(i);
    if (!IsInteger(element, INT_MIN, INT_MAX)) Refuse(position, "an array of file descriptors");
    fds.push_back(element.As<Napi::Number>().Int32Value());
  }
  return fds;
}

}  // namespace vfio::addon
