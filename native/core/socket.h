#ifndef VFIO_CORE_SOCKET_H_
#define VFIO_CORE_SOCKET_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "fd.h"

namespace vfio::core {

// Unix stream sockets. All sockets and all received descriptors are CLOEXEC.

// The largest number of descriptors that one Receive() call accepts.
constexpr size_t kMaxReceivedFds = 16;

// Creates a socket file with mode 0600 and listens. Accept() of the socket never blocks. Returns
// -ENAMETOOLONG if the path does not fit into a socket address.
int Listen(const char* path);
// Connects to the socket file and waits until a listener has room for the connection. Returns
// -EAGAIN after `timeout_ms`. A negative time means no time limit.
int Connect(const char* path, int timeout_ms);
// Accepts a connection. Returns -EAGAIN if no connection is waiting.
int Accept(int listener);

struct Peer {
  pid_t pid;
  uid_t uid;
};
// The process that called connect(), or listen() for the other end (SO_PEERCRED).
int GetPeer(int socket, Peer* peer);

// Receives at most `length` bytes with one recvmsg() that does not block, and appends the received
// descriptors to `fds`. Returns 0 at the end of the stream. Returns -EMSGSIZE if the bytes carried
// more than kMaxReceivedFds descriptors, or if the process has no room for the descriptors.
ssize_t Receive(int socket, void* into, size_t length, std::vector<Fd>* fds);
// Sends bytes with one sendmsg() that neither blocks nor raises SIGPIPE. The descriptors belong to
// the first byte. Returns the number of sent bytes.
ssize_t Send(int socket, const void* from, size_t length, const std::vector<int32_t>& fds);

// Shuts down the direction from the peer. The next send of the peer fails with EPIPE. Bytes that
// have arrived can still be received.
int ShutDownReceive(int socket);

// Waits until the socket is ready for one of the events POLLIN and POLLOUT. Returns the events for
// which the socket is ready, or 0 after `timeout_ms` or if a signal arrived. If the connection has
// failed or the peer has closed the connection, the socket is ready for all events.
int Wait(int socket, int events, int timeout_ms);

}  // namespace vfio::core

#endif  // VFIO_CORE_SOCKET_H_
