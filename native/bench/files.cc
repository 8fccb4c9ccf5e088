#include <unistd.h>

#include "bench.h"

namespace vfio::bench {
namespace {

// pread32(fd, offset, dwords, turns): reads `dwords` values, starting at `offset`, with one pread
// for each value.
Napi::Value Read(const Napi::CallbackInfo& info) {
  const int fd = Fd(info, 0);
  const off_t offset = Count(info, 1);
  const uint32_t dwords = Count(info, 2);
  const uint32_t turns = Count(info, 3);
  ssize_t wrong = 0;
  const Napi::Value result = Timed(info.Env(), turns * dwords, [&] {
    for (uint32_t turn = 0; turn < turns; turn++) {
      for (uint32_t i = 0; i < dwords; i++) {
        uint32_t value;
        wrong |= pread(fd, &value, sizeof(value), offset + 4 * i) ^ ssize_t { sizeof(value) };
      }
    }
  });
  Check(info.Env(), wrong == 0, "pread");
  return result;
}

// pwrite32(fd, offset, turns): in each of `turns` iterations, one pwrite writes 4 bytes
// at `offset`.
Napi::Value Write(const Napi::CallbackInfo& info) {
  const int fd = Fd(info, 0);
  const off_t offset = Count(info, 1);
  const uint32_t turns = Count(info, 2);
  ssize_t wrong = 0;
  const Napi::Value result = Timed(info.Env(), turns, [&] {
    for (uint32_t turn = 0; turn < turns; turn++) {
      wrong |= pwrite(fd, &turn, sizeof(turn), offset) ^ ssize_t { sizeof(turn) };
    }
  });
  Check(info.Env(), wrong == 0, "pwrite");
  return result;
}

// bareRead(fd, offset): calls pread once, with the C interface of Node-API and without checks. The
// time is the lower bound of a call through Node-API.
napi_value BareRead(napi_env env, napi_callback_info info) {
  size_t count = 2;
  napi_value arguments[2];
  napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr);
  int32_t fd;
  int64_t offset;
  napi_get_value_int32(env, arguments[0], &fd);
  napi_get_value_int64(env, arguments[1], &offset);
  uint32_t value = 0;
  static_cast<void>(!pread(fd, &value, sizeof(value), offset));
  napi_value result;
  napi_create_uint32(env, value, &result);
  return result;
}

// bareWrite(fd, offset, value): calls pwrite once, like bareRead().
napi_value BareWrite(napi_env env, napi_callback_info info) {
  size_t count = 3;
  napi_value arguments[3];
  napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr);
  int32_t fd;
  int64_t offset;
  uint32_t value;
  napi_get_value_int32(env, arguments[0], &fd);
  napi_get_value_int64(env, arguments[1], &offset);
  napi_get_value_uint32(env, arguments[2], &value);
  static_cast<void>(!pwrite(fd, &value, sizeof(value), offset));
  return nullptr;
}

// bareSignal(fd): writes to an eventfd once, with the C interface of Node-API and without checks.
napi_value BareSignal(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value argument;
  napi_get_cb_info(env, info, &count, &argument, nullptr, nullptr);
  int32_t fd;
  napi_get_value_int32(env, argument, &fd);
  const uint64_t one = 1;
  static_cast<void>(!write(fd, &one, sizeof(one)));
  return nullptr;
}

napi_value Bare(napi_env env, napi_callback callback) {
  napi_value function;
  napi_create_function(env, nullptr, 0, callback, nullptr, &function);
  return function;
}

}  // namespace

void ExportFiles(Napi::Env env, Napi::Object exports) {
  exports.Set("pread32", Napi::Function::New<Read>(env));
  exports.Set("bareRead", Bare(env, BareRead));
  exports.Set("bareWrite", Bare(env, BareWrite));
  exports.Set("bareSignal", Bare(env, BareSignal));
  exports.Set("pwrite32", Napi::Function::New<Write>(env));
}

}  // namespace vfio::bench
