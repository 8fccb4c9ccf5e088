// Unit tests of native/core with a fake ioctl. The fake ioctl returns results that a real kernel
// rarely returns.

#include <linux/vfio.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <vector>

#include "../core/cdev.h"
#include "../core/container.h"
#include "../core/device.h"
#include "../core/event_set.h"
#include "../core/eventfd.h"
#include "../core/fd_table.h"
#include "../core/hot_reset.h"
#include "../core/info.h"
#include "../core/iommufd.h"
#include "../core/irqs.h"
#include "../core/memory.h"
#include "../core/registers.h"
#include "../core/uapi.h"
#include "expect.h"
#include "fake_ioctl.h"

namespace vfio::test {
namespace {

using namespace vfio::core;  // NOLINT: the tests use no other namespace.

// Layout of the system's structures, which must match the kernel's user API.
static_assert(sizeof(vfio_group_status) == 8);
static_assert(offsetof(vfio_device_info, num_regions) == 8);
static_assert(offsetof(vfio_device_info, num_irqs) == 12);
static_assert(sizeof(vfio_region_info) == 32);
static_assert(offsetof(vfio_region_info, index) == 8);
static_assert(offsetof(vfio_region_info, cap_offset) == 12);
static_assert(offsetof(vfio_region_info, size) == 16);
static_assert(offsetof(vfio_region_info, offset) == 24);
static_assert(sizeof(vfio_info_cap_header) == 8);
static_assert(sizeof(vfio_irq_info) == 16);
static_assert(sizeof(vfio_irq_set) == 20);
static_assert(sizeof(vfio_pci_hot_reset_info) == 12);
static_assert(sizeof(vfio_pci_dependent_device) == 8);
static_assert(sizeof(vfio_pci_hot_reset) == 12);
static_assert(sizeof(vfio_device_ioeventfd) == 32);
static_assert(sizeof(vfio_device_feature) == 8);
static_assert(sizeof(vfio_iommu_type1_info) == 24);
static_assert(sizeof(vfio_iommu_type1_dma_map) == 32);
static_assert(sizeof(vfio_iommu_type1_dma_unmap) == 24);
static_assert(VFIO_DEVICE_GET_REGION_INFO == 0x3B6C);
static_assert(uapi::kDeviceBindIommufd == 0x3B76);
static_assert(uapi::kIommuIoasMap == 0x3B85);
static_assert(uapi::kIommuHwptAlloc == 0x3B89);

template <class Value>
void Put(std::vector<uint8_t>* bytes, size_t offset, Value value) {
  if (bytes->size() < offset + sizeof(value)) bytes->resize(offset + sizeof(value));
  std::memcpy(bytes->data() + offset, &value, sizeof(value));
}

void PutHeader(std::vector<uint8_t>* bytes, size_t offset, uint16_t id, uint32_t next) {
  Put(bytes, offset, id);
  Put<uint16_t>(bytes, offset + 2, 1);
  Put(bytes, offset + 4, next);
}

// Simulates a kernel that has the region information `kept`. If argsz is smaller than the
// information, the result contains the required argsz but no chain.
void AnswerRegion(const std::vector<uint8_t>& kept, uint32_t first, int* asked = nullptr) {
  FakeIoctl() = [=](int, unsigned long, void* argument) {
    auto* info = static_cast<vfio_region_info*>(argument);
    if (asked != nullptr) ++*asked;
    if (info->argsz < sizeof(*info) || info->cap_offset != 0) return -EINVAL;
    info->flags = VFIO_REGION_INFO_FLAG_CAPS;
    info->size = 0x4000;
    if (info->argsz < kept.size()) {
      info->argsz = static_cast<uint32_t>(kept.size());
      return 0;
    }
    info->cap_offset = first;
    auto* bytes = static_cast<uint8_t*>(argument);
    for (size_t i = sizeof(*info); i < kept.size(); i++) bytes[i] = kept[i];
    return 0;
  };
}

void RegionChain() {
  std::vector<uint8_t> kept;
  PutHeader(&kept, 32, VFIO_REGION_INFO_CAP_SPARSE_MMAP, 92);
  Put<uint32_t>(&kept, 40, 2);
  for (int i = 0; i < 4; i++) Put<uint64_t>(&kept, 48 + 8 * i, 0x1000 * (i + 1));
  PutHeader(&kept, 80, 99, 0);
  // The headers are not in ascending order, and the last headers are not aligned to 8 bytes. Only
  // the offsets in the headers matter.
  PutHeader(&kept, 92, VFIO_REGION_INFO_CAP_TYPE, 80);
  Put<uint32_t>(&kept, 100, 7);
  Put<uint32_t>(&kept, 104, 9);
  int asked = 0;
  AnswerRegion(kept, 32, &asked);
  RegionInfo info;
  EXPECT(DeviceGetRegionInfo(0, 2, &info) == 0);
  EXPECT(asked == 2);
  EXPECT(info.size == 0x4000);
  EXPECT(info.capabilities.size() == 3);
  EXPECT((info.capabilities[0].areas == std::vector<uint64_t>{0x1000, 0x2000, 0x3000, 0x4000}));
  EXPECT(info.capabilities[1].type == 7 && info.capabilities[1].subtype == 9);
  EXPECT(info.capabilities[2].id == 99 && info.capabilities[2].version == 1);
}

int RegionResult(const std::vector<uint8_t>& kept, uint32_t first) {
  AnswerRegion(kept, first);
  RegionInfo info;
  return DeviceGetRegionInfo(0, 0, &info);
}

void HostileChains() {
  std::vector<uint8_t> kept(64);
  PutHeader(&kept, 32, 99, 32);
  EXPECT(RegionResult(kept, 32) == -EPROTO);  // A header that links to itself.
  PutHeader(&kept, 32, 99, 48);
  PutHeader(&kept, 48, 99, 32);
  EXPECT(RegionResult(kept, 32) == -EPROTO);  // A loop of two headers.
  PutHeader(&kept, 32, 99, 64);
  EXPECT(RegionResult(kept, 32) == -EPROTO);  // A link to the end of the information.
  PutHeader(&kept, 32, 99, 57);
  EXPECT(RegionResult(kept, 32) == -EPROTO);  // The last header is cut off.
  EXPECT(RegionResult(kept, 0xFFFFFFF0) == -EPROTO);
  EXPECT(RegionResult(kept, 24) == -EPROTO);  // A link into the fixed structure.
  PutHeader(&kept, 56, VFIO_REGION_INFO_CAP_TYPE, 0);
  EXPECT(RegionResult(kept, 56) == -EPROTO);  // The header has no body.
  PutHeader(&kept, 32, VFIO_REGION_INFO_CAP_SPARSE_MMAP, 0);
  Put<uint32_t>(&kept, 40, 2);
  EXPECT(RegionResult(kept, 32) == -EPROTO);  // The information has space for only one area.
  Put<uint32_t>(&kept, 40, 0xFFFFFFFF);
  EXPECT(RegionResult(kept, 32) == -EPROTO);
  Put<uint32_t>(&kept, 40, 1);
  EXPECT(RegionResult(kept, 32) == 0);
}

void NeverEnough() {
  int asked = 0;
  FakeIoctl() = [&](int, unsigned long, void* argument) {
    asked++;
    static_cast<vfio_region_info*>(argument)->argsz += 16;
    return 0;
  };
  RegionInfo info;
  EXPECT(DeviceGetRegionInfo(0, 0, &info) == -EPROTO);
  EXPECT(asked > 1 && asked < 10);
  FakeIoctl() = [](int, unsigned long, void* argument) {
    static_cast<vfio_region_info*>(argument)->argsz = 0xFFFFFFFF;
    return 0;
  };
  EXPECT(DeviceGetRegionInfo(0, 0, &info) == -EPROTO);
}

// Linux 6.1 does not align capabilities. Here IOVA_RANGE starts at offset 68.
void ContainerInformation() {
  std::vector<uint8_t> kept;
  PutHeader(&kept, 24, VFIO_IOMMU_TYPE1_INFO_CAP_MIGRATION, 56);
  PutHeader(&kept, 56, VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL, 68);
  Put<uint32_t>(&kept, 64, 65535);
  PutHeader(&kept, 68, VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE, 0);
  Put<uint32_t>(&kept, 76, 1);
  Put<uint64_t>(&kept, 84, 0);
  Put<uint64_t>(&kept, 92, 0xFEDFFFFF);
  FakeIoctl() = [&](int, unsigned long, void* argument) {
    auto* info = static_cast<vfio_iommu_type1_info*>(argument);
    const bool room = info->argsz >= kept.size();
    info->flags = VFIO_IOMMU_INFO_PGSIZES | VFIO_IOMMU_INFO_CAPS;
    info->iova_pgsizes = 0xFFFFFFFFFFFFF000;
    info->cap_offset = room ? 24 : 0;
    info->argsz = static_cast<uint32_t>(kept.size());
    if (room) std::memcpy(info + 1, kept.data() + sizeof(*info), kept.size() - sizeof(*info));
    return 0;
  };
  ContainerInfo info;
  EXPECT(ContainerGetInfo(0, &info) == 0);
  EXPECT(info.page_sizes == 0xFFFFFFFFFFFFF000);
  EXPECT(info.dma_available == 65535u);
  EXPECT((info.ranges == std::vector<uint64_t>{0, 0xFEDFFFFF}));
}

void HotResetGrows() {
  FakeIoctl() = [](int, unsigned long, void* argument) {
    auto* info = static_cast<vfio_pci_hot_reset_info*>(argument);
    info->count = 300;
    if (info->argsz < sizeof(*info) + 300 * sizeof(vfio_pci_dependent_device)) return -ENOSPC;
    info->flags = 1;
    info->devices[299] = {5, 6, 7, 8};
    return 0;
  };
  HotResetInfo info;
  EXPECT(DeviceGetPciHotResetInfo(0, &info) == 0);
  EXPECT(info.flags == 1 && info.devices.size() == 300);
  EXPECT(info.devices[299].group_id == 5 && info.devices[299].devfn == 8);
  FakeIoctl() = [](int, unsigned long, void* argument) {
    static_cast<vfio_pci_hot_reset_info*>(argument)->count = 0xFFFFFFFF;
    return 0;
  };
  EXPECT(DeviceGetPciHotResetInfo(0, &info) == -EPROTO);
}

// The kernel always requires space for one more element than fits into the caller's buffer.
void CountsNeverEnough() {
  int asked = 0;
  FakeIoctl() = [&](int, unsigned long request, void* argument) {
    asked++;
    if (request == uapi::kIommuIoasIovaRanges) {
      static_cast<uapi::IommuIoasIovaRanges*>(argument)->num_iovas++;
      return -EMSGSIZE;
    }
    auto* info = static_cast<vfio_pci_hot_reset_info*>(argument);
    info->count = (info->argsz - sizeof(*info)) / sizeof(vfio_pci_dependent_device) + 1;
    return -ENOSPC;
  };
  HotResetInfo info;
  EXPECT(DeviceGetPciHotResetInfo(0, &info) == -EPROTO && asked < 10);
  IovaRanges ranges;
  EXPECT(IommufdIoasIovaRanges(0, 1, &ranges) == -EPROTO && asked < 20);
}

void IovaRangesGrow() {
  FakeIoctl() = [](int, unsigned long, void* argument) {
    auto* request = static_cast<uapi::IommuIoasIovaRanges*>(argument);
    const uint32_t room = request->num_iovas;
    request->num_iovas = 20;
    request->out_iova_alignment = 4096;
    if (room < 20) return -EMSGSIZE;
    auto* ranges = reinterpret_cast<uapi::IommuIovaRange*>(request->allowed_iovas);
    for (uint64_t i = 0; i < 20; i++) ranges[i] = {i << 20, (i << 20) + 0xFFFFF};
    return 0;
  };
  IovaRanges ranges;
  EXPECT(IommufdIoasIovaRanges(0, 1, &ranges) == 0);
  EXPECT(ranges.ranges.size() == 40 && ranges.ranges[39] == (19ull << 20) + 0xFFFFF);
  EXPECT(ranges.alignment == 4096);
}

// The kernel reads argsz bytes. The bytes after the data must be zeros.
void SetIrqsArgszExceedsData() {
  const uint8_t data[] = {1, 2, 3, 4};
  FakeIoctl() = [](int, unsigned long, void* argument) {
    const auto* set = static_cast<const vfio_irq_set*>(argument);
    for (uint32_t i = 0; i < 4096; i++) {
      if (set->data[i] != (i < 4 ? i + 1 : 0)) return -EFAULT;
    }
    return 3;
  };
  EXPECT(DeviceSetIrqs(0, {20 + 4096, 0, 0, 0, 1024, data, sizeof(data)}) == 3);
}

// If a request has no token or no PASID, argsz covers only the members that an older kernel knows.
void CdevSizes() {
  std::vector<uint32_t> sizes;
  FakeIoctl() = [&](int, unsigned long, void* argument) {
    const auto* words = static_cast<const uint32_t*>(argument);
    sizes.push_back(words[0]);
    sizes.push_back(words[1]);
    return 0;
  };
  uint32_t id;
  DeviceBindIommufd(0, 1, std::nullopt, &id);
  DeviceBindIommufd(0, 1, VfToken{}, &id);
  DeviceAttachPt(0, 1, std::nullopt, &id);
  DeviceAttachPt(0, 1, 5, &id);
  DeviceDetachPt(0, std::nullopt);
  DeviceDetachPt(0, 5);
  EXPECT((sizes == std::vector<uint32_t>{16, 0, 24, 1, 12, 0, 16, 1, 8, 0, 12, 1}));
}

void TransparentHugePages() {
  Mapping memory;
  EXPECT(AllocateMemory(5000, kTransparentHugePages, &memory) == 0);
  EXPECT(reinterpret_cast<uintptr_t>(memory.address()) % (2 << 20) == 0);
  memory.address()[8191] = 1;
  memory.Unmap();
  memory.Unmap();
  EXPECT(AllocateMemory(0, kTransparentHugePages, &memory) == -EINVAL);
  EXPECT(AllocateMemory(0, 0, &memory) == -EINVAL);
  EXPECT(RoundUp(1, 4096) == 4096 && RoundUp(4096, 4096) == 4096 && RoundUp(4097, 4096) == 8192);
}

void ReadOnlyFile() {
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const Fd file(memfd_create("core-test", MFD_CLOEXEC));
  EXPECT(ftruncate(file.number(), static_cast<off_t>(2 * page)) == 0);
  FileMemory memory;
  EXPECT(MapFileMemory(file.number(), page, 2 * page, true, &memory) == -ENXIO);
  EXPECT(MapFileMemory(file.number(), 0, 2 * page, false, &memory) == 0);
  EXPECT(pwrite(file.number(), "x", 1, 0) == 1);
  EXPECT(memory.readable.address()[0] == 'x');
  memory.readable.address()[0] = 'y';
  EXPECT(memory.shared.address()[0] == 'x');
}

void RegisterWidths() {
  alignas(8) uint8_t registers[32] = {};
  uint8_t memory[33];
  for (int i = 0; i < 33; i++) memory[i] = static_cast<uint8_t>(i);
  for (unsigned width : {1u, 2u, 4u, 8u}) {
    WriteRegisters(registers, memory + 1, 32, width);
    EXPECT(std::memcmp(registers, memory + 1, 32) == 0);
    uint8_t copy[33] = {};
    ReadRegisters(registers, copy + 1, 32, width);
    EXPECT(std::memcmp(copy + 1, memory + 1, 32) == 0);
    std::memset(registers, 0, sizeof(registers));
  }
}

void SharedFdOutlivesClose() {
  FdTable table;
  const int number = table.Adopt(Fd(EventfdCreate()));
  std::shared_ptr<const Fd> shared;
  EXPECT(table.Share(number, &shared) == 0 && shared->number() == number);
  table.Close(number);
  EXPECT(EventfdSignal(number, 1) == 8);
  shared.reset();
  EXPECT(EventfdSignal(number, 1) == -EBADF);
  const Fd foreign(EventfdCreate());
  EXPECT(table.Share(foreign.number(), &shared) == 0);
  EXPECT(shared->number() != foreign.number());
  table.Close(foreign.number());
  EXPECT(EventfdSignal(foreign.number(), 1) == 8);
  EXPECT(table.Share(1 << 20, &shared) == -EBADF);
}

void EventSetEdges() {
  std::unique_ptr<EventSet> set;
  EXPECT(EventSet::Create(2, &set) == 0);
  uint32_t fired[2];
  uint64_t counts[2];
  const EventSet::Wake wake = {fired, counts};
  const auto eventfd = std::make_shared<const Fd>(EventfdCreate());
  const auto never = [] { return false; };
  EventfdSignal(eventfd->number(), 1);
  EXPECT(set->Add(1, eventfd, false) == 0);
  EXPECT(set->Collect(wake) == 0);  // A signal before Add() is discarded.
  EXPECT(set->Add(1, eventfd, false) == -EEXIST);
  // If Add() fails, the slot that already watches the eventfd keeps its signal.
  EventfdSignal(eventfd->number(), 1);
  EXPECT(set->Add(0, eventfd, false) == -EEXIST);
  EXPECT(set->Collect(wake) == 1 && fired[0] == 1);
  for (int i = 0; i < 3; i++) {
    EventfdSignal(eventfd->number(), 1);
    EXPECT(set->Collect(wake) == 1 && fired[0] == 1 && counts[0] == 0);
    EXPECT(set->Collect(wake) == 0);
  }
  set->Remove(1);
  set->Remove(1);
  uint64_t left;
  EXPECT(EventfdRead(eventfd->number(), &left) == 0 && left == 0);
  EXPECT(set->Add(0, eventfd, true) == 0);
  EventfdSignal(eventfd->number(), 40);
  EventfdSignal(eventfd->number(), 2);
  EXPECT(set->Wait(-1, wake, never) == 1 && fired[0] == 0 && counts[0] == 42);
  EventfdSignal(eventfd->number(), 1);
  EventfdRead(eventfd->number(), &left);
  EXPECT(set->Wait(0, wake, never) == 0);
  EXPECT(set->Spin(10, wake, never) == 0);
  EXPECT(set->Wait(-1, wake, [] { return true; }) == 0);
  EXPECT(set->Spin(-1, wake, [] { return true; }) == 0);
}

}  // namespace
}  // namespace vfio::test

int main() {
  using namespace vfio::test;  // NOLINT
  return RunTests({
      {"region information grows to fit its capabilities", RegionChain},
      {"an invalid capability chain is EPROTO", HostileChains},
      {"information that always requires more room is EPROTO", NeverEnough},
      {"unaligned container information of Linux 6.1 is decoded", ContainerInformation},
      {"hot reset information grows to the required count", HotResetGrows},
      {"a count that always requires more room is EPROTO", CountsNeverEnough},
      {"IOVA ranges grow to the required number", IovaRangesGrow},
      {"SET_IRQS with an argsz beyond its data sends zeros", SetIrqsArgszExceedsData},
      {"argsz covers only the members that a request uses", CdevSizes},
      {"memory for transparent huge pages is aligned", TransparentHugePages},
      {"writes to the memory of a read-only file stay private", ReadOnlyFile},
      {"register blocks of every width are copied", RegisterWidths},
      {"a shared fd outlives close", SharedFdOutlivesClose},
      {"the event set reports each signal once", EventSetEdges},
  });
}
