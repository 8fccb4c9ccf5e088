#include "message_reader.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include "socket.h"

namespace vfio::core {
namespace {

constexpr size_t kSizeOffset = 4;

uint32_t SizeOf(const uint8_t* message) {
  uint32_t size;
  std::memcpy(&size, message + kSizeOffset, sizeof(size));
  return size;
}

}  // namespace

void MessageReader::Discard(uint8_t* buffer) {
  filled_ -= returned_;
  if (returned_ > 0 && filled_ > 0) std::memmove(buffer, buffer + returned_, filled_);
  if (fds_returned_) fds_.clear();
  if (!fds_.empty()) fds_at_ -= returned_;
  returned_ = 0;
  fds_returned_ = false;
}

std::vector<Fd> MessageReader::TakeFds() {
  return fds_returned_ ? std::exchange(fds_, {}) : std::vector<Fd>();
}

size_t MessageReader::LastStart(const uint8_t* buffer, size_t start) const {
  for (;;) {
    const size_t available = filled_ - start;
    const size_t size = available < kHeaderSize ? available : SizeOf(buffer + start);
    // Read() refuses a size that is smaller than a header.
    if (size < kHeaderSize || size >= available) return start;
    start += size;
  }
}

ssize_t MessageReader::Read(int socket, uint8_t* buffer, size_t capacity) {
  Discard(buffer);
  size_t& start = returned_;
  for (bool drained = false;;) {
    const size_t available = filled_ - start;
    // The number of bytes that the current message lacks, or the current header.
    size_t rest = kHeaderSize - available;
    // The next header can have descriptors, too, so a read includes the next header only if no
    // descriptors are waiting for their message.
    size_t next_header = 0;
    if (available >= kHeaderSize) {
      const size_t size = SizeOf(buffer + start);
      if (size < kHeaderSize) return -EBADMSG;
      if (size > capacity - kHeaderSize) return -EMSGSIZE;
      if (available >= size) {
        fds_returned_ = !fds_.empty() && fds_at_ == start;
        start += size;
        if (fds_returned_) break;
        continue;
      }
      rest = size - available;
      next_header = fds_.empty() ? kHeaderSize : 0;
    }
    const size_t wanted = read_ahead_ ? capacity - filled_ : rest + next_header;
    if (drained || ended_ || wanted == 0 || filled_ + wanted > capacity) break;
    const size_t fds = fds_.size();
    const ssize_t result = Receive(socket, buffer + filled_, wanted, &fds_);
    if (result == -EAGAIN) break;
    if (result < 0) return result;
    const auto length = static_cast<size_t>(result);
    const bool has_fds = fds_.size() > fds;
    if (fds_.size() > kMaxReceivedFds) return -EMSGSIZE;
    if (has_fds && fds == 0) fds_at_ = length > rest ? filled_ + rest : start;
    filled_ += length;
    if (has_fds && read_ahead_) fds_at_ = LastStart(buffer, start);
    ended_ = length == 0;
    // The kernel ends a read after the bytes that had descriptors. Any other short read means that
    // the socket has no more bytes.
    drained = length < wanted && !has_fds;
  }
  return static_cast<ssize_t>(start);
}

}  // namespace vfio::core
