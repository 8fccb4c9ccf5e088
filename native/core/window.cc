#include "window.h"

#include <cstring>

#include "call.h"

namespace vfio::core {
namespace {

static_assert(sizeof(void*) == 8, "a 64-bit register needs one 64-bit access");

// The compiler does not merge, split or widen volatile accesses.
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

Window::Window(std::shared_ptr<const Fd> device, uint64_t offset, size_t length, bool writable)
    : device_(std::move(device)), offset_(offset), length_(length), writable_(writable) {}

int Window::Map(std::shared_ptr<const Fd> device, uint64_t offset, size_t length, bool writable,
                std::unique_ptr<Window>* window) {
  std::unique_ptr<Window> mapped(new Window(std::move(device), offset, length, writable));
  const int fd = mapped->device_->number();
  int result = core::Map(length, mapped->protection(), MAP_SHARED, fd, offset, &mapped->mapping_);
  // A child process does not inherit the registers.
  if (result == 0) result = Result(madvise(mapped->registers(), length, MADV_DONTFORK));
  if (result < 0) return result;
  mapped->guard_.emplace(mapped->registers(), length);
  *window = std::move(mapped);
  return 0;
}

uint32_t* Window::lost() const { return reinterpret_cast<uint32_t*>(&guard_->lost()); }

bool Window::EnsureMapped() {
  if (guard_->lost() == 0) return true;
  // Maps the whole window again, so the window is again a single mapping. The next access shows
  // whether the device responds.
  void* const address = registers();
  const auto offset = static_cast<off_t>(offset_);
  const int flags = MAP_SHARED | MAP_FIXED;
  if (mmap(address, length_, protection(), flags, device_->number(), offset) == MAP_FAILED) {
    // The failed call has possibly unmapped the range. The range is reserved again, so that no
    // other mapping gets the address.
    static_cast<void>(
        mmap(address, length_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
    return false;
  }
  madvise(address, length_, MADV_DONTFORK);
  guard_->lost() = 0;
  return true;
}

void Window::Read(size_t offset, uint8_t* into, size_t length, unsigned width) {
  if (EnsureMapped()) {
    ReadRegisters(registers() + offset, into, length, width);
  } else {
    std::memset(into, 0xFF, length);
  }
}

void Window::Write(size_t offset, const uint8_t* from, size_t length, unsigned width) {
  if (EnsureMapped()) WriteRegisters(registers() + offset, from, length, width);
}

void Window::Unmap() {
  guard_.reset();
  mapping_.Unmap();
  device_.reset();
}

}  // namespace vfio::core
