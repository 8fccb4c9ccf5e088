#include "socket.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "call.h"

namespace vfio::core {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kBacklog = 16;

int MakeAddress(const char* path, sockaddr_un* address) {
  const size_t length = std::strlen(path);
  if (length >= sizeof(address->sun_path)) return -ENAMETOOLONG;
  *address = {};
  address->sun_family = AF_UNIX;
  std::memcpy(address->sun_path, path, length);
  return 0;
}

// Opens a socket and calls `use`. Returns the socket, or the negative errno of the first failure.
template <class Use>
int OpenSocket(const char* path, int flags, Use use) {
  sockaddr_un address;
  int result = MakeAddress(path, &address);
  if (result < 0) return result;
  Fd socket(Result(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0)));
  if (socket.number() < 0) return socket.number();
  result = use(socket.number(), reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  return result < 0 ? result : socket.Release();
}

int SetSendTimeout(int socket, Clock::duration left) {
  using std::chrono::milliseconds;
  // A time of 0 means no time limit to the kernel.
  const auto ms = std::max(std::chrono::ceil<milliseconds>(left), milliseconds(1)).count();
  const timeval time = {ms / 1000, ms % 1000 * 1000};
  return Result(setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof(time)));
}

}  // namespace

int Listen(const char* path) {
  return OpenSocket(path, SOCK_NONBLOCK, [](int socket, const sockaddr* address, socklen_t size) {
    // bind() gives the file the mode of the socket. A umask() call would affect other threads.
    int result = Result(fchmod(socket, S_IRUSR | S_IWUSR));
    if (result == 0) result = Result(bind(socket, address, size));
    return result < 0 ? result : Result(listen(socket, kBacklog));
  });
}

int Connect(const char* path, int timeout_ms) {
  const auto end = Clock::now() + std::chrono::milliseconds(timeout_ms);
  return OpenSocket(path, 0, [=](int socket, const sockaddr* address, socklen_t size) {
    for (;;) {
      int result = timeout_ms < 0 ? 0 : SetSendTimeout(socket, end - Clock::now());
      if (result == 0) result = Result(connect(socket, address, size));
      // A signal, for example of a child process, interrupts a connect() that has a time limit.
      if (result != -EINTR) return result;
    }
  });
}

int Accept(int listener) { return Result(accept4(listener, nullptr, nullptr, SOCK_CLOEXEC)); }

int GetPeer(int socket, Peer* peer) {
  ucred credentials;
  socklen_t size = sizeof(credentials);
  const int result = Result(getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size));
  if (result == 0) *peer = {credentials.pid, credentials.uid};
  return result;
}

ssize_t Receive(int socket, void* into, size_t length, std::vector<Fd>* fds) {
  alignas(cmsghdr) char control[CMSG_SPACE(kMaxReceivedFds * sizeof(int))];
  iovec bytes = {into, length};
  msghdr message = {};
  message.msg_iov = &bytes;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  const ssize_t result = Result(recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC));
  if (result < 0) return result;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
       header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; i++) {
      int number;
      std::memcpy(&number, CMSG_DATA(header) + i * sizeof(number), sizeof(number));
      fds->emplace_back(number);
    }
  }
  return (message.msg_flags & MSG_CTRUNC) != 0 ? -EMSGSIZE : result;
}

ssize_t Send(int socket, const void* from, size_t length, const std::vector<int32_t>& fds) {
  iovec bytes = {const_cast<void*>(from), length};
  msghdr message = {};
  message.msg_iov = &bytes;
  message.msg_iovlen = 1;
  std::vector<char> control;
  if (!fds.empty()) {
    const size_t size = fds.size() * sizeof(int32_t);
    control.resize(CMSG_SPACE(size));
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(size);
    std::memcpy(CMSG_DATA(header), fds.data(), size);
  }
  return Result(sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL));
}

int ShutDownReceive(int socket) { return Result(shutdown(socket, SHUT_RD)); }

int Wait(int socket, int events, int timeout_ms) {
  pollfd polled = {socket, static_cast<short>(events), 0};
  const int result = Result(poll(&polled, 1, timeout_ms));
  if (result <= 0) return result == -EINTR ? 0 : result;
  return (polled.revents & (POLLHUP | POLLERR)) != 0 ? events : polled.revents & events;
}

}  // namespace vfio::core
