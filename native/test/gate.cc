// The access gate records the accesses that compiled code makes to a range of memory. The range is
// PROT_NONE, so each access faults. The signal handler decodes the kind and width of the access
// from the instruction, records the access, and lets the access happen. The two headers contain the
// handlers of x86-64 and arm64.

#include "gate.h"

#include <node_api.h>

#if defined(__x86_64__)
#include "gate_x64.h"
#elif defined(__aarch64__)
#include "gate_arm64.h"
#else
#error "the access gate decodes only the instructions of x86-64 and arm64"
#endif

namespace vfio::test {
namespace {

// watch(address: bigint, size: number, fd: number): starts to record the accesses to a range of
// whole pages. The range is a shared mapping of the first `size` bytes of the file.
napi_value Watch(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  size_t count = 3;
  uint64_t address = 0;
  int64_t size = 0;
  int32_t fd = -1;
  bool lossless = false;
  napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr);
  napi_get_value_bigint_uint64(env, arguments[0], &address, &lossless);
  napi_get_value_int64(env, arguments[1], &size);
  napi_get_value_int32(env, arguments[2], &fd);
  range = reinterpret_cast<uint8_t*>(address);
  range_size = static_cast<size_t>(size);
  accesses.clear();
  accesses.reserve(kMaxAccesses);
  std::memset(unknown, 0, sizeof(unknown));
  BeginRecording(fd);
  mprotect(range, range_size, PROT_NONE);
  return nullptr;
}

// unwatch(): stops recording. Returns an ArrayBuffer. For each access, the ArrayBuffer has kind,
// width and offset as 32-bit numbers. At the end, the ArrayBuffer has 16 bytes of the last
// instruction that Decode() does not know.
napi_value Unwatch(napi_env env, napi_callback_info) {
  mprotect(range, range_size, PROT_READ | PROT_WRITE);
  EndRecording();
  const size_t bytes = accesses.size() * sizeof(Access);
  void* data = nullptr;
  napi_value result = nullptr;
  napi_create_arraybuffer(env, bytes + sizeof(unknown), &data, &result);
  std::memcpy(data, accesses.data(), bytes);
  std::memcpy(static_cast<uint8_t*>(data) + bytes, unknown, sizeof(unknown));
  return result;
}

void Export(napi_env env, napi_value exports, const char* name, napi_callback callback) {
  napi_value function = nullptr;
  napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, nullptr, &function);
  napi_set_named_property(env, exports, name, function);
}

}  // namespace
}  // namespace vfio::test

NAPI_MODULE_INIT() {
  vfio::test::Export(env, exports, "watch", vfio::test::Watch);
  vfio::test::Export(env, exports, "unwatch", vfio::test::Unwatch);
  return exports;
}
