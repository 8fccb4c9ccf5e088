// The part of the access gate that all architectures share: the range and the recorded accesses.

#ifndef VFIO_TEST_GATE_H_
#define VFIO_TEST_GATE_H_

#include <sys/mman.h>

#include <csignal>
#include <cstdint>
#include <cstring>
#include <vector>

namespace vfio::test {

// kAcquire is a load-acquire (ldar), and kRelease is a store-release (stlr) of arm64.
enum Kind : uint32_t { kUnknown, kRead, kWrite, kExchange, kAcquire, kRelease };

struct Operation {
  Kind kind;
  uint32_t width;
};

struct Access {
  uint32_t kind;
  uint32_t width;
  uint32_t offset;
};

constexpr size_t kMaxAccesses = 1 << 16;

inline uint8_t* range;
inline size_t range_size;
// The memory of the list is reserved before the first access, because a signal handler must not
// allocate.
inline std::vector<Access> accesses;
// The last instruction that Decode() does not know.
inline uint8_t unknown[16];

// Records an access. Returns false if the address is outside of the range or the list is full.
inline bool Record(const void* address, Operation operation, const void* code) {
  const auto* byte = static_cast<const uint8_t*>(address);
  if (byte < range || byte >= range + range_size || accesses.size() == kMaxAccesses) return false;
  if (operation.kind == kUnknown) std::memcpy(unknown, code, sizeof(unknown));
  accesses.push_back({operation.kind, operation.width, static_cast<uint32_t>(byte - range)});
  return true;
}

inline void Handle(int number, void (*handler)(int, siginfo_t*, void*)) {
  struct sigaction action = {};
  action.sa_flags = SA_SIGINFO;
  action.sa_sigaction = handler;
  sigaction(number, &action, nullptr);
}

}  // namespace vfio::test

#endif  // VFIO_TEST_GATE_H_
