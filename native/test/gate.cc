// The access gate records the accesses that compiled code makes to a range of memory. The range is
// PROT_NONE, so each access faults. The signal handler records the access, makes the range
// accessible, single-steps the instruction, and makes the range inaccessible again. The gate
// decodes the kind and width of an access from the x86-64 instruction, so the gate works only on
// x86-64.

#include <node_api.h>
#include <sys/mman.h>

#include <csignal>
#include <cstdint>
#include <cstring>
#include <vector>

#if !defined(__x86_64__)
#error "single-stepping is written for x86-64"
#endif

namespace {

enum Kind : uint32_t { kUnknown, kRead, kWrite, kExchange };

struct Access {
  uint32_t kind;
  uint32_t width;
  uint32_t offset;
};

constexpr size_t kMaxAccesses = 1 << 16;
constexpr greg_t kTrapFlag = 0x100;

uint8_t* range;
size_t range_size;
bool stepping;
// The memory of the list is reserved before the first access, because a signal handler must not
// allocate.
std::vector<Access> accesses;
uint8_t unknown[16];

struct Operation {
  Kind kind;
  uint32_t width;
};

// Decodes the kind and width of an instruction's memory access. The function knows the instructions
// that compilers emit for a register access.
Operation Decode(const uint8_t* code) {
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

void OnFault(int, siginfo_t* info, void* context) {
  const auto* address = static_cast<uint8_t*>(info->si_addr);
  if (stepping || address < range || address >= range + range_size ||
      accesses.size() == kMaxAccesses) {
    signal(SIGSEGV, SIG_DFL);
    return;
  }
  auto& registers = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
  const auto* code = reinterpret_cast<const uint8_t*>(registers[REG_RIP]);
  const Operation operation = Decode(code);
  if (operation.kind == kUnknown) std::memcpy(unknown, code, sizeof(unknown));
  accesses.push_back({operation.kind, operation.width, static_cast<uint32_t>(address - range)});
  stepping = true;
  mprotect(range, range_size, PROT_READ | PROT_WRITE);
  registers[REG_EFL] |= kTrapFlag;
}

void OnStep(int, siginfo_t*, void* context) {
  static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_EFL] &= ~kTrapFlag;
  mprotect(range, range_size, PROT_NONE);
  stepping = false;
}

// watch(address: bigint, size: number): starts to record the accesses to a range of whole pages.
napi_value Watch(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  size_t count = 2;
  uint64_t address = 0;
  int64_t size = 0;
  bool lossless = false;
  napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr);
  napi_get_value_bigint_uint64(env, arguments[0], &address, &lossless);
  napi_get_value_int64(env, arguments[1], &size);
  range = reinterpret_cast<uint8_t*>(address);
  range_size = static_cast<size_t>(size);
  accesses.clear();
  accesses.reserve(kMaxAccesses);
  std::memset(unknown, 0, sizeof(unknown));
  struct sigaction action = {};
  action.sa_flags = SA_SIGINFO;
  action.sa_sigaction = OnFault;
  sigaction(SIGSEGV, &action, nullptr);
  action.sa_sigaction = OnStep;
  sigaction(SIGTRAP, &action, nullptr);
  mprotect(range, range_size, PROT_NONE);
  return nullptr;
}

// unwatch(): stops recording. Returns an ArrayBuffer. For each access, the ArrayBuffer has kind,
// width and offset as 32-bit numbers. At the end, the ArrayBuffer has 16 bytes of the last
// instruction that Decode() does not know.
napi_value Unwatch(napi_env env, napi_callback_info) {
  mprotect(range, range_size, PROT_READ | PROT_WRITE);
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

NAPI_MODULE_INIT() {
  Export(env, exports, "watch", Watch);
  Export(env, exports, "unwatch", Unwatch);
  return exports;
}
