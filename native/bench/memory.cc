#include <sys/mman.h>

#include "bench.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

namespace vfio::bench {
namespace {

constexpr size_t kHugePage = size_t{1} << 21;

// Allocates and frees a DMA buffer as a C driver does, but without the ioctl that maps the buffer.
bool CreateAndFree(size_t bytes, bool huge) {
  const size_t reserved = huge ? bytes + kHugePage : bytes;
  void* mapping =
      mmap(nullptr, reserved, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapping == MAP_FAILED) return false;
  auto start = reinterpret_cast<uintptr_t>(mapping);
  if (huge) start = (start + kHugePage - 1) & ~(kHugePage - 1);
  void* memory = reinterpret_cast<void*>(start);
  if (huge) madvise(memory, bytes, MADV_HUGEPAGE);
  bool done = madvise(memory, bytes, MADV_POPULATE_WRITE) == 0;
  done &= madvise(memory, bytes, MADV_DONTFORK) == 0;
  return munmap(mapping, reserved) == 0 && done;
}

// createAndFree(bytes, huge, turns): allocates and frees a buffer in each turn. Returns the
// nanoseconds per buffer.
Napi::Value Memory(const Napi::CallbackInfo& info) {
  const auto bytes = static_cast<size_t>(info[0].As<Napi::Number>().Int64Value());
  const bool huge = info[1].As<Napi::Boolean>();
  const uint32_t turns = Count(info, 2);
  bool done = true;
  const Napi::Value result = Timed(info.Env(), turns, [&] {
    for (uint32_t turn = 0; turn < turns; turn++) done &= CreateAndFree(bytes, huge);
  });
  Check(info.Env(), done, "mmap");
  return result;
}

}  // namespace

void ExportMemory(Napi::Env env, Napi::Object exports) {
  exports.Set("createAndFree", Napi::Function::New<Memory>(env));
}

}  // namespace vfio::bench
