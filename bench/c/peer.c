/*
 * A C program that runs the hot paths. `peer <path>` prints the CPU time of an operation in
 * nanoseconds. Paths: load32, store32, pread32, signal, round <fired>.
 */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { REGISTERS = 256, SIZE = 4096 };

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return time.tv_sec * 1e9 + time.tv_nsec;
}

static void expect(int holds, const char *what) {
  if (holds) return;
  perror(what);
  exit(1);
}

static volatile uint32_t *map_registers(int *fd) {
  *fd = memfd_create("device", MFD_CLOEXEC);
  expect(*fd >= 0 && ftruncate(*fd, SIZE) == 0, "memfd_create");
  void *registers = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
  expect(registers != MAP_FAILED, "mmap");
  return registers;
}

static double load32(int turns) {
  int fd;
  volatile uint32_t *registers = map_registers(&fd);
  uint32_t sum = 0;
  double start = now();
  for (int turn = 0; turn < turns; turn++)
    for (int i = 0; i < REGISTERS; i++) sum ^= registers[i];
  double elapsed = now() - start;
  registers[0] = sum;
  return elapsed / turns / REGISTERS;
}

static double store32(int turns) {
  int fd;
  volatile uint32_t *registers = map_registers(&fd);
  double start = now();
  for (int turn = 0; turn < turns; turn++)
    for (int i = 0; i < REGISTERS; i++) registers[i] = i;
  return (now() - start) / turns / REGISTERS;
}

static double pread32(int turns) {
  int fd;
  map_registers(&fd);
  double start = now();
  for (int turn = 0; turn < turns; turn++) {
    uint32_t value;
    expect(pread(fd, &value, sizeof(value), 64) == sizeof(value), "pread");
  }
  return (now() - start) / turns;
}

static double signal_one(int turns) {
  int fd = eventfd(0, EFD_NONBLOCK);
  const uint64_t one = 1;
  double start = now();
  for (int turn = 0; turn < turns; turn++) {
    expect(write(fd, &one, sizeof(one)) == sizeof(one), "write");
  }
  return (now() - start) / turns;
}

static double rounds(int fired, int turns) {
  struct epoll_event *events = calloc(fired, sizeof(*events));
  int *fds = calloc(fired, sizeof(*fds));
  int epoll = epoll_create1(0);
  for (int i = 0; i < fired; i++) {
    struct epoll_event event = {.events = EPOLLIN};
    event.data.fd = fds[i] = eventfd(0, EFD_NONBLOCK);
    expect(epoll_ctl(epoll, EPOLL_CTL_ADD, fds[i], &event) == 0, "epoll_ctl");
  }
  const uint64_t one = 1;
  double start = now();
  for (int turn = 0; turn < turns; turn++) {
    for (int i = 0; i < fired; i++) expect(write(fds[i], &one, sizeof(one)) > 0, "write");
    for (int seen = 0; seen < fired;) {
      int ready = epoll_wait(epoll, events, fired, -1);
      for (int i = 0; i < ready; i++) {
        uint64_t count;
        expect(read(events[i].data.fd, &count, sizeof(count)) > 0, "read");
        seen++;
      }
    }
  }
  return (now() - start) / turns;
}

int main(int argc, char **argv) {
  const char *path = argc > 1 ? argv[1] : "";
  double result = -1;
  if (strcmp(path, "load32") == 0) result = load32(100000);
  if (strcmp(path, "store32") == 0) result = store32(100000);
  if (strcmp(path, "pread32") == 0) result = pread32(50000);
  if (strcmp(path, "signal") == 0) result = signal_one(50000);
  if (strcmp(path, "round") == 0 && argc > 2) {
    int fired = atoi(argv[2]);
    result = rounds(fired, 100000 / fired);
  }
  expect(result >= 0, "usage: peer load32 | store32 | pread32 | signal | round <fired>");
  printf("%.3f\n", result);
  return 0;
}
