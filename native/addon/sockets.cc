#include <poll.h>
#include <uv.h>

#include "../core/message_reader.h"
#include "../core/socket.h"
#include "environment.h"
#include "handle.h"
#include "values.h"

namespace vfio::addon {
namespace {

Napi::Value SocketListen(const Napi::CallbackInfo& info) {
  const std::string path = Arguments(info).String(0);
  const int fd = core::Listen(path.c_str());
  if (fd < 0) throw Failure(info.Env(), fd, "bind", path.c_str());
  return Adopt(info.Env(), fd);
}

Napi::Value SocketConnect(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const std::string path = arguments.String(0);
  const int64_t timeout = info[1].IsUndefined() ? -1 : arguments.Integer(1, 0, INT32_MAX);
  const int fd = core::Connect(path.c_str(), static_cast<int>(timeout));
  if (fd < 0) throw Failure(info.Env(), fd, "connect", path.c_str());
  return Adopt(info.Env(), fd);
}

Napi::Value SocketAccept(const Napi::CallbackInfo& info) {
  const int fd = core::Accept(Arguments(info).Fd(0));
  if (fd == -EAGAIN) return info.Env().Null();
  return Adopt(info.Env(), Check(info.Env(), fd, "accept4"));
}

Napi::Value SocketPeer(const Napi::CallbackInfo& info) {
  core::Peer peer;
  Check(info.Env(), core::GetPeer(Arguments(info).Fd(0), &peer), "getsockopt");
  Napi::Object object = Napi::Object::New(info.Env());
  object.Set("pid", Number(info.Env(), peer.pid));
  object.Set("uid", Number(info.Env(), peer.uid));
  return object;
}

// A connected socket that carries vfio-user messages.
class Stream {
 public:
  static constexpr napi_type_tag kTag = {0xa1c84d20f6e73b95, 0x9e6b5f1487d03ac2};
  static constexpr const char* kName = "a stream handle";

  Stream(Napi::Env env, std::shared_ptr<const core::Fd> socket, Napi::ArrayBuffer buffer)
      : env_(env), socket_(std::move(socket)), buffer_(Napi::Persistent(buffer)) {}

  // Returns the size of the whole messages in the buffer, or -1 at the end of the stream.
  ssize_t Receive() {
    const int fd = socket();
    Napi::ArrayBuffer buffer = buffer_.Value();
    auto* bytes = static_cast<uint8_t*>(buffer.Data());
    const ssize_t size = reader_.Read(fd, bytes, buffer.ByteLength());
    if (size < 0) throw Failure(env_, static_cast<int>(size), "recvmsg");
    return size == 0 && reader_.ended() ? -1 : size;
  }
  std::vector<core::Fd> TakeFds() { return reader_.TakeFds(); }
  // Waits until the socket is ready for one of the events. Returns the events.
  int Wait(int events, int timeout_ms) {
    const int result = core::Wait(socket(), events, timeout_ms);
    if (result < 0) throw Failure(env_, result, "poll");
    return result;
  }

  // Sends bytes, or queues the bytes that the socket does not accept. Returns whether the queue is
  // empty.
  bool Send(const uint8_t* bytes, size_t length, std::vector<std::shared_ptr<const core::Fd>> fds) {
    if (queue_.empty()) {
      const size_t sent = SendNow(bytes, length, fds);
      if (sent == length) return true;
      if (sent > 0) fds.clear();
      queued_fds_ = std::move(fds);
      bytes += sent;
      length -= sent;
    } else if (!fds.empty()) {
      throw Napi::TypeError::New(env_, "the queue is not empty: flush the stream first");
    }
    queue_.insert(queue_.end(), bytes, bytes + length);
    return false;
  }
  // Sends queued bytes. Returns whether the queue is empty.
  bool Flush() {
    const size_t sent = SendNow(queue_.data(), queue_.size(), queued_fds_);
    if (sent > 0) queued_fds_.clear();
    queue_.erase(queue_.begin(), queue_.begin() + static_cast<ptrdiff_t>(sent));
    return queue_.empty();
  }

  void ShutDownReceive() { Check(env_, core::ShutDownReceive(socket()), "shutdown"); }

  // Closes the socket and the descriptors that no TakeFds() call has returned.
  void Close() {
    socket_.reset();
    reader_ = {};
    queue_ = {};
    queued_fds_ = {};
    buffer_.Reset();
  }

 private:
  int socket() const {
    if (!socket_) throw Napi::TypeError::New(env_, "the stream is closed");
    return socket_->number();
  }
  // Returns the number of sent bytes, 0 if the socket accepts no bytes.
  size_t SendNow(const uint8_t* bytes, size_t length,
                 const std::vector<std::shared_ptr<const core::Fd>>& fds) {
    std::vector<int32_t> numbers;
    for (const auto& fd : fds) numbers.push_back(fd->number());
    const ssize_t sent = core::Send(socket(), bytes, length, numbers);
    if (sent == -EAGAIN) return 0;
    if (sent < 0) throw Failure(env_, static_cast<int>(sent), "sendmsg");
    return static_cast<size_t>(sent);
  }

  Napi::Env env_;
  std::shared_ptr<const core::Fd> socket_;
  Napi::Reference<Napi::ArrayBuffer> buffer_;
  core::MessageReader reader_;
  std::vector<uint8_t> queue_;
  std::vector<std::shared_ptr<const core::Fd>> queued_fds_;
};

Napi::Value StreamOpen(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  Napi::ArrayBuffer buffer = arguments.ArrayBuffer(1);
  if (buffer.ByteLength() < 2 * core::MessageReader::kHeaderSize) {
    arguments.Refuse(1, "an ArrayBuffer of at least 32 bytes");
  }
  auto socket = arguments.SharedFd(0, "recvmsg");
  return NewHandle(info.Env(), std::make_shared<Stream>(info.Env(), std::move(socket), buffer));
}

Napi::Value StreamReceive(const Napi::CallbackInfo& info) {
  return Number(info.Env(), static_cast<double>(HandleAt<Stream>(info, 0)->Receive()));
}

Napi::Value StreamTakeFds(const Napi::CallbackInfo& info) {
  std::vector<core::Fd> fds = HandleAt<Stream>(info, 0)->TakeFds();
  Napi::Array array = Napi::Array::New(info.Env(), fds.size());
  for (uint32_t i = 0; i < fds.size(); i++) array.Set(i, Adopt(info.Env(), fds[i].Release()));
  return array;
}

Napi::Value StreamWait(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const int64_t chosen = arguments.Integer(1, UV_READABLE, UV_READABLE | UV_WRITABLE);
  const auto timeout = static_cast<int>(arguments.Integer(2, 0, INT32_MAX));
  const int events =
      ((chosen & UV_READABLE) != 0 ? POLLIN : 0) | ((chosen & UV_WRITABLE) != 0 ? POLLOUT : 0);
  const int ready = HandleAt<Stream>(info, 0)->Wait(events, timeout);
  return Number(info.Env(), ((ready & POLLIN) != 0 ? UV_READABLE : 0) |
                                ((ready & POLLOUT) != 0 ? UV_WRITABLE : 0));
}

Napi::Value StreamSend(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto stream = HandleAt<Stream>(info, 0);
  const Bytes bytes = arguments.Uint8Array(1);
  const uint64_t length = arguments.Size(2);
  if (length == 0 || length > bytes.size) arguments.Refuse(2, "a size of bytes in argument 2");
  std::vector<std::shared_ptr<const core::Fd>> fds;
  if (!info[3].IsUndefined()) {
    for (const int32_t fd : arguments.Fds(3)) {
      std::shared_ptr<const core::Fd> shared;
      Check(info.Env(), Environment::Of(info.Env()).fds.Share(fd, &shared), "sendmsg");
      fds.push_back(std::move(shared));
    }
  }
  return Napi::Boolean::New(info.Env(), stream->Send(bytes.data, length, std::move(fds)));
}

Napi::Value StreamFlush(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), HandleAt<Stream>(info, 0)->Flush());
}

void StreamShutDownReceive(const Napi::CallbackInfo& info) {
  HandleAt<Stream>(info, 0)->ShutDownReceive();
}

void StreamClose(const Napi::CallbackInfo& info) { HandleAt<Stream>(info, 0)->Close(); }

}  // namespace

void ExportSockets(Napi::Object exports) {
  Export<SocketListen>(exports, "socketListen");
  Export<SocketConnect>(exports, "socketConnect");
  Export<SocketAccept>(exports, "socketAccept");
  Export<SocketPeer>(exports, "socketPeer");
  Export<StreamOpen>(exports, "streamOpen");
  Export<StreamReceive>(exports, "streamReceive");
  Export<StreamTakeFds>(exports, "streamTakeFds");
  Export<StreamWait>(exports, "streamWait");
  Export<StreamSend>(exports, "streamSend");
  Export<StreamFlush>(exports, "streamFlush");
  Export<StreamShutDownReceive>(exports, "streamShutDownReceive");
  Export<StreamClose>(exports, "streamClose");
}

}  // namespace vfio::addon
