// Measures the round trip of a message on a Unix stream socket: 32 bytes to another process, and 36
// bytes back, as in a read of 4 bytes by vfio-user. The argument is the number of round trips. Prints
// nanoseconds per round trip.
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { kCommand = 32, kReply = 36 };

static void Transfer(ssize_t size, ssize_t done) {
  if (done != size) exit(1);
}

int main(int argc, char** argv) {
  const long turns = argc > 1 ? atol(argv[1]) : 0;
  int sockets[2];
  if (turns <= 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) < 0) return 2;
  char bytes[64] = {0};
  if (fork() == 0) {
    close(sockets[0]);
    while (recv(sockets[1], bytes, sizeof(bytes), 0) == kCommand) {
      Transfer(kReply, send(sockets[1], bytes, kReply, 0));
    }
    return 0;
  }
  close(sockets[1]);
  struct timespec start, end;
  clock_gettime(CLOCK_MONOTONIC, &start);
  for (long turn = 0; turn < turns; turn++) {
    Transfer(kCommand, send(sockets[0], bytes, kCommand, 0));
    Transfer(kReply, recv(sockets[0], bytes, sizeof(bytes), 0));
  }
  clock_gettime(CLOCK_MONOTONIC, &end);
  const double ns = (end.tv_sec - start.tv_sec) * 1e9 + (end.tv_nsec - start.tv_nsec);
  printf("%.0f\n", ns / turns);
  return 0;
}
