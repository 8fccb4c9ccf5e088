// A fake kernel for the addon. The fake kernel is a library that is preloaded into Node. Each ioctl
// adds one line of JSON with its data to the file that VFIO_TEST_LOG names. VFIO_TEST_FAIL=<request
// in hex>:<errno> makes a request fail. VFIO_TEST_SLEEP=<request in hex>:<ms> delays a request.

#include <fcntl.h>
#include <linux/vfio.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "../core/uapi.h"
#include "fake_ioctl.h"

namespace vfio::test {
namespace {

namespace uapi = vfio::core::uapi;

// VFIO_IOMMU_GET_INFO and VFIO_DEVICE_GET_PCI_HOT_RESET_INFO have the same request number. The fake
// kernel distinguishes the two requests by the size of the structure.
constexpr uint32_t kLargestContainerInfo = 1024;

std::string Hex(const void* bytes, size_t size) {
  std::string hex;
  char digits[3];
  for (size_t i = 0; i < size; i++) {
    std::snprintf(digits, sizeof(digits), "%02x", static_cast<const uint8_t*>(bytes)[i]);
    hex += digits;
  }
  return hex;
}

// Returns the data that a request sends: a value, a string, an fd, or a structure that starts with
// its size.
std::string Sent(unsigned long request, const void* argument) {
  switch (request) {
    case VFIO_GET_API_VERSION:
    case VFIO_GROUP_UNSET_CONTAINER:
    case VFIO_DEVICE_RESET:
      return "";
    case VFIO_CHECK_EXTENSION:
    case VFIO_SET_IOMMU:
      return std::to_string(reinterpret_cast<uintptr_t>(argument));
    case VFIO_GROUP_SET_CONTAINER:
      return std::to_string(*static_cast<const int32_t*>(argument));
    case VFIO_GROUP_GET_DEVICE_FD:
      return static_cast<const char*>(argument);
  }
  uint32_t size;
  std::memcpy(&size, argument, sizeof(size));
  std::string sent = Hex(argument, size);
  const auto* bind = static_cast<const uapi::DeviceBindIommufd*>(argument);
  if (request == uapi::kDeviceBindIommufd && (bind->flags & uapi::kBindFlagToken) != 0) {
    sent = Hex(argument, offsetof(uapi::DeviceBindIommufd, token_uuid_ptr)) + " token " +
           Hex(reinterpret_cast<const void*>(bind->token_uuid_ptr), 16);
  }
  return sent;
}

int AnswerInfo(void* argument) {
  uint32_t size;
  std::memcpy(&size, argument, sizeof(size));
  if (size <= kLargestContainerInfo) {
    auto* info = static_cast<vfio_iommu_type1_info*>(argument);
    info->flags = VFIO_IOMMU_INFO_PGSIZES;
    info->iova_pgsizes = 0x40201000;
    return 0;
  }
  auto* info = static_cast<vfio_pci_hot_reset_info*>(argument);
  info->flags = 1;
  info->count = 2;
  info->devices[0] = {10, 1, 2, 3};
  info->devices[1] = {11, 4, 5, 6};
  return 0;
}

int Reply(unsigned long request, void* argument) {
  switch (request) {
    case VFIO_CHECK_EXTENSION:
      return 1;
    case VFIO_GROUP_GET_STATUS:
      static_cast<vfio_group_status*>(argument)->flags = 3;
      return 0;
    case VFIO_GROUP_GET_DEVICE_FD:
      return open("/dev/null", O_RDWR | O_CLOEXEC);
    case VFIO_DEVICE_GET_INFO: {
      auto* info = static_cast<vfio_device_info*>(argument);
      info->flags = 2;
      info->num_regions = 9;
      info->num_irqs = 5;
      return 0;
    }
    case VFIO_DEVICE_GET_REGION_INFO: {
      auto* info = static_cast<vfio_region_info*>(argument);
      constexpr vfio_info_cap_header kMappable = {VFIO_REGION_INFO_CAP_MSIX_MAPPABLE, 1, 0};
      const bool room = info->argsz >= sizeof(*info) + sizeof(kMappable);
      info->flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_CAPS;
      info->size = 0x4000;
      info->offset = uint64_t{info->index} << 40;
      info->argsz = sizeof(*info) + sizeof(kMappable);
      info->cap_offset = room ? sizeof(*info) : 0;
      if (room) std::memcpy(info + 1, &kMappable, sizeof(kMappable));
      return 0;
    }
    case VFIO_DEVICE_GET_IRQ_INFO:
      static_cast<vfio_irq_info*>(argument)->flags = 9;
      static_cast<vfio_irq_info*>(argument)->count = 32;
      return 0;
    case VFIO_DEVICE_SET_IRQS:
      return static_cast<vfio_irq_set*>(argument)->count == 32 ? 1 : 0;
    case VFIO_IOMMU_GET_INFO:
      return AnswerInfo(argument);
    case VFIO_IOMMU_UNMAP_DMA:
      static_cast<vfio_iommu_type1_dma_unmap*>(argument)->size /= 2;
      return 0;
    case VFIO_DEVICE_FEATURE: {
      auto* feature = static_cast<vfio_device_feature*>(argument);
      if ((feature->flags & VFIO_DEVICE_FEATURE_GET) == 0) return 0;
      std::memset(feature->data, 0xAB, feature->argsz - sizeof(*feature));
      return (feature->flags & VFIO_DEVICE_FEATURE_MASK) == 11 ? open("/dev/null", O_RDWR) : 0;
    }
    case uapi::kDeviceBindIommufd:
      static_cast<uapi::DeviceBindIommufd*>(argument)->out_devid = 17;
      return 0;
    case uapi::kDeviceAttachIommufdPt:
      static_cast<uapi::DeviceAttachIommufdPt*>(argument)->pt_id += 100;
      return 0;
    case uapi::kIommuIoasAlloc:
      static_cast<uapi::IommuIoasAlloc*>(argument)->out_ioas_id = 7;
      return 0;
    case uapi::kIommuIoasIovaRanges: {
      auto* ranges = static_cast<uapi::IommuIoasIovaRanges*>(argument);
      ranges->num_iovas = 1;
      ranges->out_iova_alignment = 4096;
      *reinterpret_cast<uapi::IommuIovaRange*>(ranges->allowed_iovas) = {0x1000, 0xFFFFF};
      return 0;
    }
    case uapi::kIommuIoasUnmap:
      static_cast<uapi::IommuIoasUnmap*>(argument)->length /= 2;
      return 0;
    case uapi::kIommuHwptAlloc:
      static_cast<uapi::IommuHwptAlloc*>(argument)->out_hwpt_id = 9;
      return 0;
    default:
      return 0;
  }
}

// Returns the number in an environment variable of the form `<request in hex>:<number>`. Returns 0
// if the variable names another request.
int NumberFor(const char* variable, unsigned long request) {
  const char* text = std::getenv(variable);
  unsigned long named;
  int number;
  if (text == nullptr || std::sscanf(text, "%lx:%d", &named, &number) != 2) return 0;
  return named == request ? number : 0;
}

int LogAndReply(int fd, unsigned long request, void* argument) {
  FILE* log = std::fopen(std::getenv("VFIO_TEST_LOG"), "a");
  std::fprintf(log, "{\"fd\":%d,\"request\":\"%lx\",\"sent\":\"%s\"}\n", fd, request,
               Sent(request, argument).c_str());
  std::fclose(log);
  usleep(static_cast<useconds_t>(NumberFor("VFIO_TEST_SLEEP", request)) * 1000);
  const int error = NumberFor("VFIO_TEST_FAIL", request);
  return error != 0 ? -error : Reply(request, argument);
}

__attribute__((constructor)) void Install() { FakeIoctl() = LogAndReply; }

}  // namespace
}  // namespace vfio::test
