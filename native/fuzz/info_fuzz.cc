// Fuzzes the decoding of valid and invalid information structures from the kernel. The structures
// contain chains of capabilities, counts and sizes. Each result is compared with a second decoder
// in this file.

#include <linux/vfio.h>

#include <cerrno>
#include <set>

#include "../core/container.h"
#include "../core/device.h"
#include "../core/hot_reset.h"
#include "../core/info.h"
#include "../core/iommufd.h"
#include "../core/irqs.h"
#include "../core/uapi.h"
#include "../test/fake_ioctl.h"
#include "targets.h"

namespace {

using namespace vfio::core;  // NOLINT: the target uses no other namespace.
using vfio::fuzz::Input;
using vfio::test::FakeIoctl;

template <class Value>
void Put(std::vector<uint8_t>* bytes, size_t offset, Value value) {
  if (offset + sizeof(value) > bytes->size()) return;
  std::memcpy(bytes->data() + offset, &value, sizeof(value));
}

template <class Value>
bool Get(const std::vector<uint8_t>& bytes, uint64_t offset, Value* value) {
  if (offset + sizeof(Value) > bytes.size()) return false;
  std::memcpy(value, bytes.data() + offset, sizeof(Value));
  return true;
}

// Creates an information structure of `fixed` bytes, followed by a chain of capabilities. Most of
// the chain is valid. Some links and counts are wrong, and sometimes the end of the chain is wrong.
std::vector<uint8_t> MakeInfo(Input* input, size_t fixed) {
  std::vector<uint8_t> bytes(fixed + size_t{4} * input->Below(100));
  if (input->Flag()) {
    for (size_t i = fixed; i < bytes.size(); i++) bytes[i] = input->Take<uint8_t>();
    return bytes;
  }
  size_t at = fixed;
  while (at < bytes.size() && !input->empty()) {
    const uint32_t pairs = input->Below(4);
    Put<uint16_t>(&bytes, at, input->Below(5));
    Put<uint16_t>(&bytes, at + 2, 1);
    const auto next = static_cast<uint32_t>(at + 16 + size_t{16} * pairs);
    switch (input->Below(8)) {
      case 0:
        Put<uint32_t>(&bytes, at + 4, input->Take<uint32_t>());
        break;
      case 1:
        Put<uint32_t>(&bytes, at + 4, static_cast<uint32_t>(input->Below(bytes.size() + 16)));
        break;
      case 2:
        break;
      default:
        Put<uint32_t>(&bytes, at + 4, next);
    }
    Put<uint32_t>(&bytes, at + 8, input->Below(6) == 0 ? input->Take<uint32_t>() : pairs);
    for (uint32_t i = 0; i < 2 * pairs; i++) {
      Put<uint64_t>(&bytes, at + 16 + size_t{8} * i, input->Take<uint16_t>());
    }
    at = next;
  }
  return bytes;
}

struct Element {
  uint16_t id;
  uint64_t offset;
};

// Reads the chain. Returns false if a header is within the `fixed` bytes, if a header is outside of
// the information, or if a header is reached twice.
bool Walk(const std::vector<uint8_t>& bytes, size_t fixed, uint32_t first,
          std::vector<Element>* chain) {
  std::set<uint32_t> visited;
  for (uint32_t offset = first; offset != 0;) {
    vfio_info_cap_header header;
    if (offset < fixed || !Get(bytes, offset, &header)) return false;
    if (!visited.insert(offset).second) return false;
    chain->push_back({header.id, offset});
    offset = header.next;
  }
  return true;
}

bool Pairs(const std::vector<uint8_t>& bytes, uint64_t offset, std::vector<uint64_t>* numbers) {
  uint32_t count;
  if (!Get(bytes, offset + 8, &count)) return false;
  if (offset + 16 + uint64_t{16} * count > bytes.size() && count > 0) return false;
  for (uint64_t i = 0; i < uint64_t{count} * 2; i++) {
    Get(bytes, offset + 16 + 8 * i, &numbers->emplace_back());
  }
  return true;
}

// The fake kernel returns the required size and as many bytes as fit into the caller's buffer. If
// `never_enough` is true, each call requires a larger buffer.
void AnswerInfo(const std::vector<uint8_t>& bytes, size_t fixed, bool never_enough, int* asked) {
  FakeIoctl() = [=](int, unsigned long, void* argument) {
    ++*asked;
    uint32_t room;
    std::memcpy(&room, argument, sizeof(room));
    MUST(room >= fixed);
    std::memcpy(argument, bytes.data(), std::min<size_t>(room, bytes.size()));
    const auto needed = static_cast<uint32_t>(never_enough ? room + 8 : bytes.size());
    std::memcpy(argument, &needed, sizeof(needed));
    return 0;
  };
}

void RegionInformation(Input* input) {
  const bool never_enough = input->Below(16) == 0;
  std::vector<uint8_t> bytes = MakeInfo(input, sizeof(vfio_region_info));
  vfio_region_info fixed = {};
  fixed.flags = input->Below(16) | (input->Below(8) == 0 ? 0 : VFIO_REGION_INFO_FLAG_CAPS);
  fixed.size = input->Take<uint64_t>();
  fixed.cap_offset = input->Below(8) == 0 ? input->Take<uint32_t>() : sizeof(fixed);
  std::memcpy(bytes.data(), &fixed, sizeof(fixed));
  int asked = 0;
  AnswerInfo(bytes, sizeof(fixed), never_enough, &asked);

  RegionInfo info;
  const int result = DeviceGetRegionInfo(0, 0, &info);
  MUST(result == 0 || result == -EPROTO);
  MUST(asked <= 4 && (!never_enough || result == -EPROTO));
  if (never_enough) return;
  std::vector<Element> chain;
  bool sound = !(fixed.flags & VFIO_REGION_INFO_FLAG_CAPS) ||
               Walk(bytes, sizeof(fixed), fixed.cap_offset, &chain);
  size_t checked = 0;
  for (const Element& element : chain) {
    if (!sound) break;
    std::vector<uint64_t> areas;
    uint64_t type;
    if (element.id == VFIO_REGION_INFO_CAP_SPARSE_MMAP) {
      sound = Pairs(bytes, element.offset, &areas);
    } else if (element.id == VFIO_REGION_INFO_CAP_TYPE) {
      sound = Get(bytes, element.offset + 8, &type);
    }
    if (!sound || result < 0) continue;
    MUST(info.capabilities[checked].id == element.id);
    MUST(info.capabilities[checked].areas == areas);
    checked++;
  }
  // If headers overlap, a chain without a loop can still have more headers than fit side by side
  // into the information.
  const bool crowded = chain.size() > bytes.size() / sizeof(vfio_info_cap_header);
  MUST((result == 0) == (sound && !crowded));
  MUST(result < 0 || (info.size == fixed.size && info.capabilities.size() == chain.size()));
}

void ContainerInformation(Input* input) {
  std::vector<uint8_t> bytes = MakeInfo(input, sizeof(vfio_iommu_type1_info));
  vfio_iommu_type1_info fixed = {};
  fixed.flags = input->Below(4);
  fixed.cap_offset = input->Below(8) == 0 ? input->Take<uint32_t>() : sizeof(fixed);
  std::memcpy(bytes.data(), &fixed, sizeof(fixed));
  int asked = 0;
  AnswerInfo(bytes, sizeof(fixed), false, &asked);

  ContainerInfo info;
  const int result = ContainerGetInfo(0, &info);
  MUST(result == 0 || result == -EPROTO);
  std::vector<Element> chain;
  bool sound =
      !(fixed.flags & VFIO_IOMMU_INFO_CAPS) || Walk(bytes, sizeof(fixed), fixed.cap_offset, &chain);
  std::vector<uint64_t> ranges;
  for (const Element& element : chain) {
    uint32_t available;
    if (sound && element.id == VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE) {
      sound = Pairs(bytes, element.offset, &ranges);
    } else if (sound && element.id == VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL) {
      sound = Get(bytes, element.offset + 8, &available);
      MUST(!sound || result < 0 || info.dma_available.has_value());
    }
  }
  MUST(result < 0 || (sound && info.ranges == ranges));
}

// Fuzzes the calls that return a count and fail if the buffer is too small.
void Counts(Input* input) {
  std::vector<uint32_t> counts;
  counts.reserve(8);
  for (int i = 0; i < 8; i++) {
    counts.push_back(input->Flag() ? input->Take<uint32_t>() : input->Below(255) * 3);
  }
  int asked = 0;
  FakeIoctl() = [&](int, unsigned long request, void* argument) {
    const uint32_t count = counts[asked++ % counts.size()];
    if (request == uapi::kIommuIoasIovaRanges) {
      auto* query = static_cast<uapi::IommuIoasIovaRanges*>(argument);
      const uint32_t room = query->num_iovas;
      query->num_iovas = count;
      if (room < count) return count % 7 == 0 ? 0 : -EMSGSIZE;
      auto* ranges = reinterpret_cast<uapi::IommuIovaRange*>(query->allowed_iovas);
      for (uint32_t i = 0; i < count; i++) ranges[i] = {i, i};
      return 0;
    }
    auto* query = static_cast<vfio_pci_hot_reset_info*>(argument);
    const size_t room = (query->argsz - sizeof(*query)) / sizeof(vfio_pci_dependent_device);
    query->count = count;
    if (room < count) return count % 7 == 0 ? 0 : -ENOSPC;
    for (uint32_t i = 0; i < count; i++) query->devices[i].devfn = static_cast<uint8_t>(i);
    return 0;
  };
  HotResetInfo reset;
  int result = DeviceGetPciHotResetInfo(0, &reset);
  MUST(asked <= 4);
  uint32_t last = counts[(asked - 1) % counts.size()];
  MUST(result < 0 || reset.devices.size() == last);
  MUST(result == 0 || result == -EPROTO || result == -ENOSPC);
  asked = 0;
  IovaRanges ranges;
  result = IommufdIoasIovaRanges(0, 1, &ranges);
  MUST(asked <= 4);
  last = counts[(asked - 1) % counts.size()];
  MUST(result < 0 || ranges.ranges.size() == size_t{2} * last);
  MUST(result == 0 || result == -EPROTO || result == -EMSGSIZE);
}

// For every argsz, the bytes after the data are zeros when the kernel reads them.
void SetIrqsArgsz(Input* input) {
  std::vector<uint8_t> data(input->Below(64));
  for (uint8_t& byte : data) byte = input->Take<uint8_t>() | 1;
  const uint32_t argsz = input->Flag() ? input->Take<uint32_t>() : 20 + input->Below(200);
  FakeIoctl() = [&](int, unsigned long, void* argument) {
    const auto* set = static_cast<const vfio_irq_set*>(argument);
    MUST(set->argsz == argsz);
    const size_t body = std::min<size_t>(argsz < 20 ? 0 : argsz - 20, 1 << 18);
    for (size_t i = 0; i < std::max(body, data.size()); i++) {
      MUST(set->data[i] == (i < data.size() ? data[i] : 0));
    }
    return 5;
  };
  const IrqSet set = {argsz, 1, 2, 3, 4, data.data(), data.size()};
  MUST(DeviceSetIrqs(0, set) == 5);
}

}  // namespace

void vfio::fuzz::FuzzInfo(Input input) {
  switch (input.Below(8)) {
    case 0:
    case 1:
    case 2:
      RegionInformation(&input);
      break;
    case 3:
    case 4:
      ContainerInformation(&input);
      break;
    case 5:
    case 6:
      Counts(&input);
      break;
    default:
      SetIrqsArgsz(&input);
  }
}
