#ifndef VFIO_CORE_MESSAGE_READER_H_
#define VFIO_CORE_MESSAGE_READER_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "fd.h"

namespace vfio::core {

// Reads the messages of a vfio-user socket into a buffer of the caller. Each message begins with a
// header of 16 bytes, and bytes 4 to 7 of the header are the size of the whole message.
//
// Descriptors belong to the message whose first byte they came with. By default, no read therefore
// covers more than the rest of one message and the header of the next message.
//
// With `read_ahead`, a read covers all bytes that have arrived, which saves system calls. The
// kernel ends a read after the bytes that had descriptors. If the peer sends each message by one
// sendmsg(), the descriptors belong to the last message that begins in the read.
class MessageReader {
 public:
  static constexpr size_t kHeaderSize = 16;

  explicit MessageReader(bool read_ahead = false) : read_ahead_(read_ahead) {}

  // Discards the messages that the last call returned, and their descriptors. Then reads messages
  // until the socket has no more bytes, the buffer is full, or a message has descriptors. Never
  // blocks. The caller passes the same buffer in every call.
  //
  // Returns the size in bytes of all whole messages, which begin at the start of the buffer.
  // Returns -EBADMSG if a size is smaller than a header, and -EMSGSIZE if a message is larger than
  // the buffer (less one header) or has too many descriptors.
  ssize_t Read(int socket, uint8_t* buffer, size_t capacity);

  // Whether the peer has closed the connection. Bytes of an incomplete message are discarded.
  bool ended() const { return ended_; }
  // Returns the descriptors of the last message that Read() returned.
  std::vector<Fd> TakeFds();

 private:
  void Discard(uint8_t* buffer);
  // Returns the position of the last message that begins in the buffer.
  size_t LastStart(const uint8_t* buffer, size_t start) const;

  bool read_ahead_;
  // Number of bytes in the buffer.
  size_t filled_ = 0;
  // Number of bytes that the last Read() call returned.
  size_t returned_ = 0;
  // Descriptors, and the position of their message in the buffer.
  std::vector<Fd> fds_;
  size_t fds_at_ = 0;
  // Whether the last Read() call returned the message of the descriptors.
  bool fds_returned_ = false;
  bool ended_ = false;
};

}  // namespace vfio::core

#endif  // VFIO_CORE_MESSAGE_READER_H_
