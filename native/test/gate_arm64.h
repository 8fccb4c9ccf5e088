// The access gate on arm64: makes the access through a second mapping of the range, and continues
// after the instruction. User programs have no single step on arm64.

#ifndef VFIO_TEST_GATE_ARM64_H_
#define VFIO_TEST_GATE_ARM64_H_

#include "gate.h"

namespace vfio::test {

// The second mapping of the range.
inline uint8_t* alias;

struct Instruction {
  Operation operation;
  bool sign_extended;
  bool to_word;
};

// Decodes the kind and width of an instruction's memory access (Arm ARM, C4.1). The function knows
// the instructions that compilers emit for a register access. Pairs, write-back addresses and
// vector registers are unknown, because a hypervisor cannot emulate these accesses to a register.
inline Instruction Decode(uint32_t code) {
  const uint32_t width = 1u << (code >> 30);
  const uint32_t exclusive = code & 0x3FFFFC00;
  if (exclusive == 0x089FFC00) return {{kRelease, width}, false, false};
  if (exclusive == 0x08DFFC00) return {{kAcquire, width}, false, false};
  const bool immediate = (code & 0x3F000000) == 0x39000000;
  const bool unscaled = (code & 0x3F200C00) == 0x38000000;
  const bool indexed = (code & 0x3F200C00) == 0x38200800;
  if (!immediate && !unscaled && !indexed) return {{kUnknown, 0}, false, false};
  const uint32_t opcode = code >> 22 & 3;
  if (opcode == 0) return {{kWrite, width}, false, false};
  return {{kRead, width}, opcode != 1, opcode == 3};
}

inline uint64_t Load(const uint8_t* from, const Instruction& instruction) {
  const uint32_t width = instruction.operation.width;
  uint64_t value = 0;
  std::memcpy(&value, from, width);
  if (instruction.sign_extended) {
    const uint32_t shift = 64 - 8 * width;
    value = static_cast<uint64_t>(static_cast<int64_t>(value << shift) >> shift);
  }
  return instruction.to_word ? static_cast<uint32_t>(value) : value;
}

inline void OnFault(int, siginfo_t* info, void* context) {
  auto& machine = static_cast<ucontext_t*>(context)->uc_mcontext;
  const auto* code = reinterpret_cast<const uint32_t*>(machine.pc);
  const Instruction instruction = Decode(*code);
  const Operation operation = instruction.operation;
  if (!Record(info->si_addr, operation, code)) {
    signal(SIGSEGV, SIG_DFL);
    return;
  }
  if (operation.kind == kUnknown) {
    // The gate cannot continue, so the rest of the run is not recorded.
    mprotect(range, range_size, PROT_READ | PROT_WRITE);
    return;
  }
  uint8_t* const target = alias + (static_cast<uint8_t*>(info->si_addr) - range);
  const uint32_t number = *code & 31;
  if (operation.kind == kWrite || operation.kind == kRelease) {
    const uint64_t value = number == 31 ? 0 : machine.regs[number];
    std::memcpy(target, &value, operation.width);
  } else if (number != 31) {
    machine.regs[number] = Load(target, instruction);
  }
  machine.pc += sizeof(*code);
}

inline void BeginRecording(int fd) {
  constexpr int kProtection = PROT_READ | PROT_WRITE;
  alias = static_cast<uint8_t*>(mmap(nullptr, range_size, kProtection, MAP_SHARED, fd, 0));
  Handle(SIGSEGV, OnFault);
}

inline void EndRecording() { munmap(alias, range_size); }

}  // namespace vfio::test

#endif  // VFIO_TEST_GATE_ARM64_H_
