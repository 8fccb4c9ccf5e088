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

size_t MessageReader::Wanted(const uint8_t* buffer, size_t capacity) const {
  if (fds_.empty()) return capacity - filled_;
  const size_t size = filled_ < kHeaderSize ? kHeaderSize : SizeOf(buffer);
  return size - filled_;
}

int MessageReader::Parse(const uint8_t* buffer, size_t capacity, size_t* last) {
  while (returned_ < filled_) {
    *last = returned_;
    if (filled_ - returned_ < kHeaderSize) break;
    const size_t size = SizeOf(buffer + returned_);
    if (size < kHeaderSize) return -EBADMSG;
    if (size > capacity - kHeaderSize) return -EMSGSIZE;
    if (filled_ - returned_ < size) break;
    returned_ += size;
  }
  return 0;
}

ssize_t MessageReader::Read(int socket, uint8_t* buffer, size_t capacity) {
  // After an error, the sizes in the buffer cannot be trusted.
  if (error_ == 0) {
    const ssize_t size = ReadOnce(socket, buffer, capacity);
    if (size >= 0) return size;
    error_ = size;
  }
  return error_;
}

ssize_t MessageReader::ReadOnce(int socket, uint8_t* buffer, size_t capacity) {
  Discard(buffer);
  const size_t fds = fds_.size();
  const ssize_t length = Receive(socket, buffer + filled_, Wanted(buffer, capacity), &fds_);
  if (length < 0) return length == -EAGAIN ? 0 : length;
  if (fds_.size() > kMaxReceivedFds) return -EMSGSIZE;
  ended_ = length == 0;
  filled_ += static_cast<size_t>(length);
  size_t last = 0;
  const int result = Parse(buffer, capacity, &last);
  if (result < 0) return result;
  if (fds == 0) fds_at_ = last;
  fds_returned_ = !fds_.empty() && fds_at_ < returned_;
  return static_cast<ssize_t>(returned_);
}

}  // namespace vfio::core
