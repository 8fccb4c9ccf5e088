#include "window.h"

#include <cstring>

namespace vfio::core {
namespace {

static_assert(sizeof(void*) == 8, "a 64-bit register needs one 64-bit access");

// A volatile access is the only one the compiler neither merges, splits nor widens.
template <class Register>
void Read(const uint8_t* registers, uint8_t* into, size_t length) {
  const auto* source = reinterpret_cast<const volatile Register*>(registers);
  for (size_t i = 0; i < length / sizeof(Register); i++) {
    const Register value = source[i];
    std::memcpy(into + i * sizeof(value), &value, sizeof(value));
  }
}

template <class Register>
void Write(uint8_t* registers, const uint8_t* from, size_t length) {
  auto* target = reinterpret_cast<volatile Register*>(registers);
  for (size_t i = 0; i < length / sizeof(Register); i++) {
    Register value;
    std::memcpy(&value, from + i * sizeof(value), sizeof(value));
    target[i] = value;
  }
}

}  // namespace

int MapRegion(int device, uint64_t offset, size_t length, bool writable, Mapping* window) {
  const int protection = writable ? PROT_READ | PROT_WRITE : PROT_READ;
  return Map(length, protection, MAP_SHARED, device, offset, window);
}

void ReadRegisters(const uint8_t* registers, uint8_t* into, size_t length, unsigned width) {
  switch (width) {
    case 1:
      return Read<uint8_t>(registers, into, length);
    case 2:
      return Read<uint16_t>(registers, into, length);
    case 4:
      return Read<uint32_t>(registers, into, length);
    case 8:
      return Read<uint64_t>(registers, into, length);
  }
}

void WriteRegisters(uint8_t* registers, const uint8_t* from, size_t length, unsigned width) {
  switch (width) {
    case 1:
      return Write<uint8_t>(registers, from, length);
    case 2:
      return Write<uint16_t>(registers, from, length);
    case 4:
      return Write<uint32_t>(registers, from, length);
    case 8:
      return Write<uint64_t>(registers, from, length);
  }
}

}  // namespace vfio::core
