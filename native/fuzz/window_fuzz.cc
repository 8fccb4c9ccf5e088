// Fuzzes the window of a device that sometimes does not respond. Compares the window with a model.
// The comparison covers the values of reads, the effects of writes, and `lost`. A file simulates
// the device. A truncated file simulates a device that does not respond.

#include <sys/mman.h>
#include <unistd.h>

#include <memory>

#include "../core/memory.h"
#include "../core/window.h"
#include "targets.h"

namespace {

using namespace vfio::core;  // NOLINT: the target uses no other namespace.
using vfio::fuzz::Input;

constexpr size_t kPage = 4096;
constexpr size_t kPages = 3;
constexpr size_t kSize = kPages * kPage;

struct Model {
  std::vector<uint8_t> bytes = std::vector<uint8_t>(kSize);
  size_t present = kPages;

  // When the file grows again, the truncated pages contain zeros.
  void Resize(size_t pages) {
    for (size_t i = std::min(pages, present) * kPage; i < kSize; i++) bytes[i] = 0;
    present = pages;
  }
  bool Has(size_t offset) const { return offset / kPage < present; }
  bool HasAll(size_t offset, size_t length) const {
    return length == 0 || Has(offset + length - 1);
  }
};

class WindowAndModel {
 public:
  WindowAndModel() : file_(std::make_shared<const Fd>(memfd_create("fuzz", MFD_CLOEXEC))) {
    Resize(kPages);
    MUST(Window::Map(file_, 0, kSize, true, &window_) == 0);
  }

  void Resize(size_t pages) {
    MUST(ftruncate(file_->number(), pages * kPage) == 0);
    model_.Resize(pages);
  }

  void AccessBlock(Input* input) {
    const unsigned width = 1u << input->Below(4);
    const size_t offset = input->Take<uint16_t>() % (kSize / width) * width;
    const size_t length = std::min<size_t>(input->Take<uint16_t>(), kSize - offset) / width * width;
    std::vector<uint8_t> block(length + 1, 0x55);
    if (input->Flag()) {
      window_->Read(offset, block.data(), length, width);
      for (size_t i = 0; i < length; i++) MUST(block[i] == Expected(offset + i));
      MUST(block[length] == 0x55);
    } else {
      for (size_t i = 0; i < length; i++) block[i] = input->Take<uint8_t>();
      window_->Write(offset, block.data(), length, width);
      for (size_t i = 0; i < length; i++) Store(offset + i, block[i]);
    }
    // A block of 0 bytes causes no access.
    if (length > 0) MUST((*window_->lost() != 0) == !model_.HasAll(offset, length));
  }

  // Accesses a register as compiled JavaScript does. Compiled JavaScript accesses a register only
  // while `lost` is 0.
  void AccessDirectly(Input* input) {
    if (*window_->lost() != 0) return;
    const size_t offset = input->Take<uint16_t>() % (kSize / 4) * 4;
    auto* at = reinterpret_cast<volatile uint32_t*>(window_->registers() + offset);
    if (input->Flag()) {
      const uint32_t value = *at;
      for (size_t i = 0; i < 4; i++) MUST((value >> 8 * i & 0xFF) == Expected(offset + i));
    } else {
      const auto value = input->Take<uint32_t>();
      *at = value;
      for (size_t i = 0; i < 4; i++) Store(offset + i, value >> 8 * i & 0xFF);
    }
    MUST((*window_->lost() != 0) == !model_.Has(offset));
  }

 private:
  uint8_t Expected(size_t offset) const { return model_.Has(offset) ? model_.bytes[offset] : 0xFF; }
  void Store(size_t offset, uint8_t value) {
    if (model_.Has(offset)) model_.bytes[offset] = value;
  }

  std::shared_ptr<const Fd> file_;
  std::unique_ptr<Window> window_;
  Model model_;
};

// Fuzzes sizes and offsets of file memory and anonymous memory. If a mapping succeeds, every byte
// of the mapping must be accessible.
void Memory(Input* input) {
  const Fd file(memfd_create("fuzz", MFD_CLOEXEC));
  const uint64_t end = input->Take<uint16_t>();
  MUST(ftruncate(file.number(), static_cast<off_t>(end)) == 0);
  const uint64_t offset = input->Flag() ? input->Take<uint64_t>() : input->Below(20) * kPage;
  const size_t size = input->Flag() ? input->Take<uint64_t>() : input->Below(20) * kPage;
  FileMemory memory;
  if (MapFileMemory(file.number(), offset, size, input->Flag(), &memory) == 0) {
    MUST(size > 0 && offset % kPage == 0 && offset + size <= end);
    const volatile uint8_t* bytes = memory.shared.address();
    MUST(bytes[0] == 0 && bytes[size - 1] == 0);
  }
  // JavaScript passes a size of at most 2^53 - 1.
  const size_t wanted = input->Flag() ? input->Take<uint64_t>() >> 11 : input->Take<uint16_t>();
  if (wanted > 1 << 20 && wanted < size_t{1} << 47) return;
  Mapping allocated;
  const int shift = input->Flag() ? kTransparentHugePages : 0;
  if (AllocateMemory(wanted, shift, &allocated) == 0) {
    MUST(wanted > 0 && wanted <= 1 << 20);
    allocated.address()[RoundUp(wanted, kPage) - 1] = 1;
    MUST(allocated.address()[0] == 0 || wanted == 1);
  }
}

}  // namespace

void vfio::fuzz::FuzzWindow(Input input) {
  if (input.Below(8) == 0) {
    Memory(&input);
    return;
  }
  WindowAndModel both;
  for (int step = 0; step < 24 && !input.empty(); step++) {
    switch (input.Below(4)) {
      case 0:
        both.Resize(input.Below(kPages + 1));
        break;
      case 1:
        both.AccessDirectly(&input);
        break;
      default:
        both.AccessBlock(&input);
    }
  }
}
