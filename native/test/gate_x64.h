// The access gate on x86-64: makes the range accessible, single-steps the instruction, and makes
// the range inaccessible again.

#ifndef VFIO_TEST_GATE_X64_H_
#define VFIO_TEST_GATE_X64_H_

#include "gate.h"

namespace vfio::test {

constexpr greg_t kTrapFlag = 0x100;

inline bool stepping;

// Decodes the kind and width of an instruction's memory access. The function knows the instructions
// that compilers emit for a register access.
inline Operation Decode(const uint8_t* code) {
  bool operand16 = false;
  uint8_t repeat = 0;
  for (;; code++) {
    if (*code == 0x66) {
      operand16 = true;
    } else if (*code == 0xF2 || *code == 0xF3) {
      repeat = *code;
    } else if (*code != 0xF0 && *code != 0x2E && *code != 0x3E && *code != 0x64 && *code != 0x65) {
      break;
    }
  }
  const bool wide = (*code & 0xF8) == 0x48;
  if ((*code & 0xF0) == 0x40) code++;
  const uint32_t word = wide ? 8 : operand16 ? 2 : 4;
  const uint32_t pair = wide ? 8 : 4;
  // For some opcodes, the reg field of the ModR/M byte selects one of eight operations.
  const unsigned extension = code[1] >> 3 & 7;
  switch (*code) {
    case 0x88:
      return {kWrite, 1};
    case 0x89:
    case 0xC7:
      return {kWrite, word};
    case 0xC6:
      return {kWrite, 1};
    case 0x8A:
    case 0x3A:
    case 0x38:
    case 0x84:
      return {kRead, 1};
    case 0x80:
      return {extension == 7 ? kRead : kExchange, 1};
    case 0x81:
    case 0x83:
      return {extension == 7 ? kRead : kExchange, word};
    case 0xF6:
      return {extension < 2 ? kRead : kExchange, 1};
    case 0xF7:
      return {extension < 2 ? kRead : kExchange, word};
    case 0x8B:
    case 0x3B:
    case 0x39:
    case 0x85:
    case 0x03:
    case 0x0B:
    case 0x23:
    case 0x2B:
    case 0x33:
      return {kRead, word};
    case 0x63:
      return {kRead, 4};
    case 0x86:
      return {kExchange, 1};
    case 0x87:
      return {kExchange, word};
    case 0x0F:
      break;
    default:
      return {kUnknown, 0};
  }
  switch (code[1]) {
    case 0xB6:
    case 0xBE:
      return {kRead, 1};
    case 0xB7:
    case 0xBF:
      return {kRead, 2};
    case 0x6E:
      return {kRead, pair};
    case 0x7E:
      return repeat == 0xF3 ? Operation{kRead, 8} : Operation{kWrite, pair};
    case 0xD6:
      return {kWrite, 8};
    case 0xB0:
      return {kExchange, 1};
    case 0xB1:
      return {kExchange, word};
    case 0x10:
    case 0x28:
    case 0x6F:
      return {kRead, 16};
    case 0x11:
    case 0x29:
    case 0x7F:
      return {kWrite, 16};
  }
  return {kUnknown, 0};
}

inline void OnFault(int, siginfo_t* info, void* context) {
  auto& registers = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
  const auto* code = reinterpret_cast<const uint8_t*>(registers[REG_RIP]);
  if (stepping || !Record(info->si_addr, Decode(code), code)) {
    signal(SIGSEGV, SIG_DFL);
    return;
  }
  stepping = true;
  mprotect(range, range_size, PROT_READ | PROT_WRITE);
  registers[REG_EFL] |= kTrapFlag;
}

inline void OnStep(int, siginfo_t*, void* context) {
  static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_EFL] &= ~kTrapFlag;
  mprotect(range, range_size, PROT_NONE);
  stepping = false;
}

inline void BeginRecording(int) {
  Handle(SIGSEGV, OnFault);
  Handle(SIGTRAP, OnStep);
}

inline void EndRecording() {}

}  // namespace vfio::test

#endif  // VFIO_TEST_GATE_X64_H_
