#include <string>

#include "../core/eventfd.h"
#include "../core/file.h"
#include "environment.h"

// The calls that a driver makes most often. The calls use the C interface of Node-API. A call takes
// about 20 ns; with node-addon-api a call would take about 6 ns more.

namespace vfio::addon {
namespace {

class HotCall {
 public:
  HotCall(napi_env env, napi_callback_info info) : env_(env) {
    napi_get_cb_info(env, info, &argument_count_, arguments_, nullptr, nullptr);
  }

  size_t argument_count() const { return argument_count_; }

  // An integer from 0 to `maximum`. A value outside of the range makes the call invalid.
  uint64_t Integer(size_t position, double maximum) {
    double number = 0;
    if (napi_get_value_double(env_, arguments_[position], &number) == napi_ok && number >= 0 &&
        number <= maximum) {
      const auto integer = static_cast<int64_t>(number);
      if (static_cast<double>(integer) == number) return static_cast<uint64_t>(integer);
    }
    RefuseInteger(position, maximum);
    return 0;
  }
  int Fd(size_t position) { return static_cast<int>(Integer(position, INT32_MAX)); }
  uint64_t Offset(size_t position) { return Integer(position, 9007199254740991.0); }
  unsigned Width(size_t position) {
    const auto width = static_cast<unsigned>(Integer(position, 4));
    if (valid_ && width != 1 && width != 2 && width != 4) {
      Refuse(position, "1, 2 or 4");
    }
    return width;
  }
  uint64_t BigUint64(size_t position) {
    uint64_t number = 0;
    bool lossless = false;
    if (napi_get_value_bigint_uint64(env_, arguments_[position], &number, &lossless) != napi_ok ||
        !lossless) {
      Refuse(position, "a bigint from 0 to 2^64 - 1");
    }
    return number;
  }

  // Whether all arguments that were read so far were valid. If an argument was not valid, a
  // TypeError is pending.
  bool valid() const { return valid_; }

  // Whether the system call succeeded. If the system call failed, a VfioError is pending.
  bool Succeeded(int result, const char* syscall) const {
    if (result >= 0) return true;
    try {
      Failure(env_, result, syscall).ThrowAsJavaScriptException();
    } catch (const Napi::Error& error) {
      error.ThrowAsJavaScriptException();
    }
    return false;
  }

 private:
  static constexpr size_t kMaxArguments = 4;

  // This function is not inlined, so the inlined checks stay small.
  [[gnu::noinline]] void RefuseInteger(size_t position, double maximum) {
    Refuse(position, "an integer from 0 to " + std::to_string(static_cast<uint64_t>(maximum)));
  }
  [[gnu::noinline]] void Refuse(size_t position, const std::string& expected) {
    const std::string why = "argument " + std::to_string(position + 1) + " must be " + expected;
    if (valid_) napi_throw_type_error(env_, nullptr, why.c_str());
    valid_ = false;
  }

  napi_env env_;
  napi_value arguments_[kMaxArguments];
  size_t argument_count_ = kMaxArguments;
  bool valid_ = true;
};

napi_value Load(napi_env env, napi_callback_info info) {
  HotCall call(env, info);
  const int fd = call.Fd(0);
  const uint64_t offset = call.Offset(1);
  const unsigned width = call.Width(2);
  uint32_t value;
  if (!call.valid() || !call.Succeeded(core::Load(fd, offset, width, &value), "read")) {
    return nullptr;
  }
  napi_value result = nullptr;
  napi_create_uint32(env, value, &result);
  return result;
}

napi_value Store(napi_env env, napi_callback_info info) {
  HotCall call(env, info);
  const int fd = call.Fd(0);
  const uint64_t offset = call.Offset(1);
  const unsigned width = call.Width(2);
  const uint64_t maximum = (uint64_t{1} << (8 * width)) - 1;
  const auto value = static_cast<uint32_t>(call.Integer(3, static_cast<double>(maximum)));
  if (call.valid()) call.Succeeded(core::Store(fd, offset, width, value), "write");
  return nullptr;
}

napi_value EventfdSignal(napi_env env, napi_callback_info info) {
  HotCall call(env, info);
  const int fd = call.Fd(0);
  const uint64_t count = call.argument_count() < 2 ? 1 : call.BigUint64(1);
  if (call.valid()) call.Succeeded(core::EventfdSignal(fd, count), "write");
  return nullptr;
}

napi_value EventfdRead(napi_env env, napi_callback_info info) {
  HotCall call(env, info);
  const int fd = call.Fd(0);
  uint64_t count;
  if (!call.valid() || !call.Succeeded(core::EventfdRead(fd, &count), "read")) return nullptr;
  napi_value result = nullptr;
  napi_create_bigint_uint64(env, count, &result);
  return result;
}

void ExportHot(Napi::Object exports, const char* name, napi_callback callback) {
  napi_value function = nullptr;
  const napi_status status =
      napi_create_function(exports.Env(), name, NAPI_AUTO_LENGTH, callback, nullptr, &function);
  NAPI_THROW_IF_FAILED_VOID(exports.Env(), status);
  exports.Set(name, function);
}

}  // namespace

void ExportHotCalls(Napi::Object exports) {
  ExportHot(exports, "load", Load);
  ExportHot(exports, "store", Store);
  ExportHot(exports, "eventfdSignal", EventfdSignal);
  ExportHot(exports, "eventfdRead", EventfdRead);
}

}  // namespace vfio::addon
