#include "info.h"

#include <linux/vfio.h>

#include "call.h"

namespace vfio::core {
namespace {

// Size limit of the information, in bytes. The limit is far above real sizes: a chain of 4,096
// sparse areas has 64 KiB.
constexpr uint32_t kMaxInfoSize = 1 << 20;

}  // namespace

int QueryInfo(int fd, unsigned long request, std::vector<uint8_t>* info) {
  const std::vector<uint8_t> request_bytes = *info;
  uint32_t size = static_cast<uint32_t>(info->size());
  for (int attempt = 0; attempt < kMaxAttempts && size <= kMaxInfoSize; attempt++) {
    *info = request_bytes;
    info->resize(size);
    std::memcpy(info->data(), &size, sizeof(size));
    const int result = Ioctl(fd, request, info->data());
    if (result < 0) return result;
    uint32_t needed;
    std::memcpy(&needed, info->data(), sizeof(needed));
    if (needed <= size) return 0;
    size = needed;
  }
  return -EPROTO;
}

int ReadCapabilities(const std::vector<uint8_t>& info, size_t fixed, uint32_t first,
                     std::vector<Capability>* capabilities) {
  // Maximum number of headers in the information, if headers do not overlap. If the chain has more
  // headers, the chain has a loop.
  const size_t max_headers = info.size() / sizeof(vfio_info_cap_header);
  for (uint32_t offset = first; offset != 0;) {
    if (capabilities->size() == max_headers || offset < fixed || offset > info.size()) {
      return -EPROTO;
    }
    Capability capability{0, 0, info.data() + offset, info.size() - offset};
    vfio_info_cap_header header;
    if (!capability.Read(0, &header)) return -EPROTO;
    capability.id = header.id;
    capability.version = header.version;
    capabilities->push_back(capability);
    offset = header.next;
  }
  return 0;
}

int ReadPairs(const Capability& capability, std::vector<uint64_t>* numbers) {
  constexpr size_t kFirstPair = 16;
  uint32_t count;
  if (!capability.Read(8, &count)) return -EPROTO;
  for (size_t i = 0; i < size_t{count} * 2; i++) {
    uint64_t number;
    if (!capability.Read(kFirstPair + i * sizeof(number), &number)) return -EPROTO;
    numbers->push_back(number);
  }
  return 0;
}

}  // namespace vfio::core
