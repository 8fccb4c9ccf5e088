// Forks without exec and reports the memory that the child process inherits. Node itself never
// forks without exec.

#include <node_api.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>

namespace {

// inherited(address: bigint): forks a child process. Returns 1 if the child process has a mapping
// at the address, and 0 if the child process has no mapping there.
napi_value Inherited(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value argument = nullptr;
  uint64_t address = 0;
  bool lossless = false;
  napi_get_cb_info(env, info, &count, &argument, nullptr, nullptr);
  napi_get_value_bigint_uint64(env, argument, &address, &lossless);
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const pid_t child = fork();
  // msync fails with ENOMEM if nothing is mapped at the address.
  if (child == 0) _exit(msync(reinterpret_cast<void*>(address), page, MS_ASYNC) == 0 ? 1 : 0);
  int status = -1;
  waitpid(child, &status, 0);
  napi_value result = nullptr;
  napi_create_int32(env, WIFEXITED(status) ? WEXITSTATUS(status) : -1, &result);
  return result;
}

}  // namespace

NAPI_MODULE_INIT() {
  napi_value function = nullptr;
  napi_create_function(env, "inherited", NAPI_AUTO_LENGTH, Inherited, nullptr, &function);
  napi_set_named_property(env, exports, "inherited", function);
  return exports;
}
