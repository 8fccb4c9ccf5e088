#include "registers.h"

#include <atomic>
#include <cstring>

namespace vfio::core {
namespace {

static_assert(sizeof(void*) == 8, "a 64-bit register needs one 64-bit access");
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "registers of PCI are little-endian");

#if defined(__aarch64__)

// Load() and Store() are one ldr or str. The constraint Q selects the address mode [reg]. If a
// hypervisor emulates the device, pairs of registers and write-back addresses fail, because the
// CPU does not decode these forms for the hypervisor (Arm ARM, ESR_ELx.ISV).
uint8_t Load(const uint8_t* from) {
  uint8_t value;
  asm volatile("ldrb %w0, %1" : "=r"(value) : "Q"(*from));
  return value;
}
uint16_t Load(const uint16_t* from) {
  uint16_t value;
  asm volatile("ldrh %w0, %1" : "=r"(value) : "Q"(*from));
  return value;
}
uint32_t Load(const uint32_t* from) {
  uint32_t value;
  asm volatile("ldr %w0, %1" : "=r"(value) : "Q"(*from));
  return value;
}
uint64_t Load(const uint64_t* from) {
  uint64_t value;
  asm volatile("ldr %x0, %1" : "=r"(value) : "Q"(*from));
  return value;
}

void Store(uint8_t* to, uint8_t value) { asm volatile("strb %w1, %0" : "=Q"(*to) : "r"(value)); }
void Store(uint16_t* to, uint16_t value) { asm volatile("strh %w1, %0" : "=Q"(*to) : "r"(value)); }
void Store(uint32_t* to, uint32_t value) { asm volatile("str %w1, %0" : "=Q"(*to) : "r"(value)); }
void Store(uint64_t* to, uint64_t value) { asm volatile("str %x1, %0" : "=Q"(*to) : "r"(value)); }

// A device is in the outer shareable domain. The ish barriers of C++ order only the CPUs.
void OrderBeforeWrites() { asm volatile("dmb osh" ::: "memory"); }
void OrderAfterReads() { asm volatile("dmb oshld" ::: "memory"); }

#else

// The compiler does not merge, split or widen volatile accesses.
template <class Register>
Register Load(const Register* from) {
  return *static_cast<const volatile Register*>(from);
}
template <class Register>
void Store(Register* to, Register value) {
  *static_cast<volatile Register*>(to) = value;
}

#if defined(__x86_64__)
// The CPU keeps the order of stores and the order of loads, so only the compiler needs a barrier.
void FullBarrier() { std::atomic_signal_fence(std::memory_order_seq_cst); }
#elif defined(__riscv)
// The barrier of C++ does not order the accesses to devices.
void FullBarrier() { asm volatile("fence iorw, iorw" ::: "memory"); }
#else
void FullBarrier() { std::atomic_thread_fence(std::memory_order_seq_cst); }
#endif
void OrderBeforeWrites() { FullBarrier(); }
void OrderAfterReads() { FullBarrier(); }

#endif

template <class Register>
void Read(const uint8_t* registers, uint8_t* into, size_t length) {
  const auto* source = reinterpret_cast<const Register*>(registers);
  for (size_t i = 0; i < length / sizeof(Register); i++) {
    const Register value = Load(source + i);
    std::memcpy(into + i * sizeof(value), &value, sizeof(value));
  }
}

template <class Register>
void Write(uint8_t* registers, const uint8_t* from, size_t length) {
  auto* target = reinterpret_cast<Register*>(registers);
  for (size_t i = 0; i < length / sizeof(Register); i++) {
    Register value;
    std::memcpy(&value, from + i * sizeof(value), sizeof(value));
    Store(target + i, value);
  }
}

}  // namespace

void ReadRegisters(const uint8_t* registers, uint8_t* into, size_t length, unsigned width) {
  switch (width) {
    case 1:
      Read<uint8_t>(registers, into, length);
      break;
    case 2:
      Read<uint16_t>(registers, into, length);
      break;
    case 4:
      Read<uint32_t>(registers, into, length);
      break;
    case 8:
      Read<uint64_t>(registers, into, length);
      break;
  }
  OrderAfterReads();
}

void WriteRegisters(uint8_t* registers, const uint8_t* from, size_t length, unsigned width) {
  OrderBeforeWrites();
  switch (width) {
    case 1:
      Write<uint8_t>(registers, from, length);
      break;
    case 2:
      Write<uint16_t>(registers, from, length);
      break;
    case 4:
      Write<uint32_t>(registers, from, length);
      break;
    case 8:
      Write<uint64_t>(registers, from, length);
      break;
  }
}

}  // namespace vfio::core
