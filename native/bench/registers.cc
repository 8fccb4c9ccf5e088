#include "bench.h"

namespace vfio::bench {
namespace {

struct Registers {
  explicit Registers(const Napi::CallbackInfo& info) {
    auto array = info[0].As<Napi::Uint32Array>();
    data = array.Data();
    count = static_cast<uint32_t>(array.ElementLength());
  }
  volatile uint32_t* data;
  uint32_t count;
};

// loadRegisters(registers, turns): reads each register once in each turn.
Napi::Value Load(const Napi::CallbackInfo& info) {
  const Registers registers(info);
  const uint32_t turns = Count(info, 1);
  return Timed(info.Env(), turns * registers.count, [&] {
    uint32_t sum = 0;
    for (uint32_t turn = 0; turn < turns; turn++) {
      for (uint32_t i = 0; i < registers.count; i++) sum ^= registers.data[i];
    }
    volatile uint32_t sink = sum;
    static_cast<void>(sink);
  });
}

// storeRegisters(registers, turns): writes each register once in each turn.
Napi::Value Store(const Napi::CallbackInfo& info) {
  const Registers registers(info);
  const uint32_t turns = Count(info, 1);
  return Timed(info.Env(), turns * registers.count, [&] {
    for (uint32_t turn = 0; turn < turns; turn++) {
      for (uint32_t i = 0; i < registers.count; i++) registers.data[i] = i;
    }
  });
}

// copyRegisters(registers, into, turns): copies all registers once in each turn. Returns
// nanoseconds per turn.
Napi::Value Copy(const Napi::CallbackInfo& info) {
  const Registers registers(info);
  uint32_t* into = info[1].As<Napi::Uint32Array>().Data();
  const uint32_t turns = Count(info, 2);
  return Timed(info.Env(), turns, [&] {
    for (uint32_t turn = 0; turn < turns; turn++) {
      for (uint32_t i = 0; i < registers.count; i++) into[i] = registers.data[i];
      // Without this statement, the compiler could remove the copy as unused.
      asm volatile("" : : "r"(into) : "memory");
    }
  });
}

}  // namespace

void ExportRegisters(Napi::Env env, Napi::Object exports) {
  exports.Set("loadRegisters", Napi::Function::New<Load>(env));
  exports.Set("storeRegisters", Napi::Function::New<Store>(env));
  exports.Set("copyRegisters", Napi::Function::New<Copy>(env));
}

}  // namespace vfio::bench
