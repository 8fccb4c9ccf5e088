#include "window.h"

#include <cstring>

#include "call.h"
#include "registers.h"

namespace vfio::core {

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
