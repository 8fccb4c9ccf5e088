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
// A read covers as many bytes as the buffer has room for, so a burst of messages needs one system
// call. Descriptors belong to the message whose first byte they came with. The kernel ends a read
// after the bytes of the sendmsg() call that carried descriptors, so these descriptors belong to
// the last message that begins in the read. While descriptors wait for the rest of their message, a
// read covers only this rest.
class MessageReader {
 public:
  static constexpr size_t kHeaderSize = 16;

  // Discards the messages that the last call returned, and their descriptors. Then reads from the
  // socket once. Never blocks. The caller passes the same buffer in every call.
  //
  // Returns the size in bytes of all whole messages, which begin at the start of the buffer.
  // Returns -EBADMSG if a size is smaller than a header, and -EMSGSIZE if a message is larger than
  // the buffer (less one header) or has too many descriptors. After an error, each further call
  // returns the same error and does not read.
  ssize_t Read(int socket, uint8_t* buffer, size_t capacity);

  // Whether the peer has closed the connection. Bytes of an incomplete message are discarded.
  bool ended() const { return ended_; }
  // Returns the descriptors of the last message that Read() returned.
  std::vector<Fd> TakeFds();

 private:
  ssize_t ReadOnce(int socket, uint8_t* buffer, size_t capacity);
  void Discard(uint8_t* buffer);
  // Returns the number of bytes that the next read covers.
  size_t Wanted(const uint8_t* buffer, size_t capacity) const;
  // Finds the whole messages and the start of the last message. Returns 0, -EBADMSG or -EMSGSIZE.
  int Parse(const uint8_t* buffer, size_t capacity, size_t* last);

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
  // The negative errno of the first failed call, or 0.
  ssize_t error_ = 0;
};

}  // namespace vfio::core

#endif  // VFIO_CORE_MESSAGE_READER_H_
