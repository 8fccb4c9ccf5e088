// Fuzzes the reader of vfio-user messages. The peer sends messages in pieces, with descriptors and
// with wrong sizes. The reader must return each message once, with its own descriptors, and refuse
// a wrong size.

#include <sys/socket.h>

#include <cerrno>
#include <deque>
#include <vector>

#include "../core/eventfd.h"
#include "../core/message_reader.h"
#include "../core/socket.h"
#include "targets.h"

namespace {

using namespace vfio::core;  // NOLINT: the target uses no other namespace.

constexpr size_t kHeader = MessageReader::kHeaderSize;
constexpr size_t kCapacity = 160;
constexpr size_t kLargest = kCapacity - kHeader;

struct Sent {
  std::vector<uint8_t> bytes;
  size_t fds;
};

class PeerAndReader {
 public:
  PeerAndReader() {
    int pair[2];
    MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
    peer_ = Fd(pair[0]);
    socket_ = Fd(pair[1]);
  }

  // Starts a message. Its first piece carries the descriptors.
  void Start(uint32_t size, size_t fds, size_t piece) {
    Finish();
    // Only the header of a message of a wrong size is sent.
    const bool is_wrong = size < kHeader || size > kLargest;
    std::vector<uint8_t> bytes(is_wrong ? kHeader : size, ++filler_);
    std::memcpy(&bytes[4], &size, sizeof(size));
    // A peer waits for a reply before the socket is full. The fuzzer reads instead.
    if (sent_.size() > 20) Read();
    if (broken_ != 0) return;
    // The first wrong size ends the connection.
    if (is_wrong && wrong_ == 0) wrong_ = size < kHeader ? -EBADMSG : -EMSGSIZE;
    sent_.push_back({bytes, fds});
    rest_ = bytes;
    SendPiece(piece, std::vector<int32_t>(fds, eventfd_.number()));
  }

  void SendPiece(size_t piece, const std::vector<int32_t>& fds = {}) {
    if (rest_.empty() || broken_ != 0) return;
    const size_t length = std::min(std::max<size_t>(piece, 1), rest_.size());
    MUST(Send(peer_.number(), rest_.data(), length, fds) == static_cast<ssize_t>(length));
    rest_.erase(rest_.begin(), rest_.begin() + static_cast<ssize_t>(length));
  }

  void Finish() { SendPiece(kCapacity * 2); }

  void Read() {
    if (broken_ != 0) return;
    const ssize_t length = reader_.Read(socket_.number(), buffer_, kCapacity);
    if (length < 0) {
      // Only a message of a wrong size ends the connection.
      MUST(length == wrong_);
      broken_ = length;
      return;
    }
    MUST(!reader_.ended());
    std::vector<Fd> fds = reader_.TakeFds();
    for (ssize_t at = 0; at < length;) {
      MUST(!sent_.empty());
      const Sent& expected = sent_.front();
      const size_t size = expected.bytes.size();
      MUST(at + static_cast<ssize_t>(size) <= length);
      MUST(std::memcmp(buffer_ + at, expected.bytes.data(), size) == 0);
      at += static_cast<ssize_t>(size);
      MUST(expected.fds == (at == length ? fds.size() : 0));
      sent_.pop_front();
    }
    if (length == 0) MUST(fds.empty());
  }

  void End() {
    Finish();
    // Each read takes at least one byte from the socket.
    size_t reads = 0;
    for (const Sent& one : sent_) reads += one.bytes.size();
    for (; reads > 0 && broken_ == 0 && !sent_.empty(); reads--) Read();
    MUST(broken_ == wrong_);
    if (broken_ != 0) return;
    MUST(sent_.empty());
    // A process that reads /proc/<pid>/fd can delay the effect of close(), but not of shutdown().
    MUST(shutdown(peer_.number(), SHUT_RDWR) == 0);
    MUST(reader_.Read(socket_.number(), buffer_, kCapacity) == 0);
    MUST(reader_.ended());
  }

 private:
  Fd peer_;
  Fd socket_;
  Fd eventfd_ = Fd(EventfdCreate());
  MessageReader reader_;
  uint8_t buffer_[kCapacity];
  std::deque<Sent> sent_;
  // The bytes of the last message that are not sent yet.
  std::vector<uint8_t> rest_;
  uint8_t filler_ = 0;
  // The error that the reader must return, and the error that the reader has returned.
  ssize_t wrong_ = 0;
  ssize_t broken_ = 0;
};

}  // namespace

void vfio::fuzz::FuzzMessages(Input input) {
  PeerAndReader both;
  for (int step = 0; step < 60 && !input.empty(); step++) {
    switch (input.Below(8)) {
      case 0:
      case 1:
        both.Read();
        break;
      case 2:
        both.SendPiece(input.Below(40));
        break;
      case 3:
        // Any size, mostly a wrong size.
        both.Start(input.Take<uint32_t>(), 0, input.Below(40));
        break;
      default:
        both.Start(kHeader + input.Below(kLargest - kHeader + 1), input.Below(4), input.Below(200));
    }
  }
  both.End();
}
