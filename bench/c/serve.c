/*
 * A vfio-user client for bench/serve. The client measures a served NVMe controller, or the round
 * trips of an empty server.
 *
 *   serve <socket> reads <depth> <commands>   4 KiB reads, with up to <depth> reads at a time
 *   serve <socket> echo <count>               commands whose answer is empty
 *   serve <socket> signal <count>             posted writes that an eventfd answers
 *
 * Prints one line of JSON: the duration in seconds and percentiles in microseconds.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { VERSION = 1, DMA_MAP = 2, SET_IRQS = 8, REGION_READ = 9, REGION_WRITE = 10 };
enum { NO_REPLY = 0x10, IS_ERROR = 0x20, CONFIG = 7, MSIX = 2, BIND = 0x24 };
enum { CC = 0x14, CSTS = 0x1c, AQA = 0x24, ASQ = 0x28, ACQ = 0x30, DOORBELLS = 0x1000 };
enum { CREATE_SQ = 1, CREATE_CQ = 5, READ = 2 };
enum { PAGE = 4096, ENTRIES = 64, DEPTH_MAX = 32, MEMORY = 256 * PAGE };
/* Pages of the memory: two rings of the admin queue, two rings of the I/O queue, and the data. */
enum { DATA = 4 };

static const uint64_t kIova = 0x1000000;

struct header {
  uint16_t id, command;
  uint32_t size, flags, error;
};
struct access {
  struct header header;
  uint64_t offset;
  uint32_t region, count;
  uint8_t data[8];
};
struct completion {
  uint32_t result, reserved, queue, status;
};
struct ring {
  uint32_t (*commands)[16];
  volatile struct completion *completions;
  uint64_t iova;
  uint32_t id, tail, head, phase;
};

static int server;
static uint8_t *memory;

static void expect(int holds, const char *what) {
  if (holds) return;
  fprintf(stderr, "%s: %s\n", what, strerror(errno));
  exit(1);
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec + time.tv_nsec / 1e9;
}

/* Sends a message with a descriptor, or with none if `fd` is -1. */
static void send_message(struct header *message, uint16_t command, uint32_t size, uint32_t flags,
                         int fd) {
  *message = (struct header){1, command, size, flags, 0};
  char control[CMSG_SPACE(sizeof(fd))] = {0};
  struct iovec bytes = {message, size};
  struct msghdr header = {.msg_iov = &bytes, .msg_iovlen = 1};
  if (fd >= 0) {
    header.msg_control = control;
    header.msg_controllen = sizeof(control);
    struct cmsghdr *rights = CMSG_FIRSTHDR(&header);
    *rights = (struct cmsghdr){CMSG_LEN(sizeof(fd)), SOL_SOCKET, SCM_RIGHTS};
    memcpy(CMSG_DATA(rights), &fd, sizeof(fd));
  }
  expect(sendmsg(server, &header, 0) == (ssize_t)size, "sendmsg");
}

/* Receives an answer. Returns the first four bytes after `skip` bytes of its payload. */
static uint32_t receive(unsigned skip) {
  static uint8_t reply[PAGE];
  struct header header;
  expect(recv(server, &header, sizeof(header), MSG_WAITALL) == sizeof(header), "recv");
  const uint32_t rest = header.size - sizeof(header);
  expect(rest <= sizeof(reply), "a small reply");
  if (rest > 0) expect(recv(server, reply, rest, MSG_WAITALL) == (ssize_t)rest, "recv");
  expect((header.flags & IS_ERROR) == 0, "a reply without error");
  uint32_t value;
  memcpy(&value, reply + skip, sizeof(value));
  return value;
}

static void write_register(uint32_t region, uint64_t offset, uint64_t value, uint32_t width) {
  struct access access = {.offset = offset, .region = region, .count = width};
  memcpy(access.data, &value, width);
  const uint32_t flags = region == CONFIG ? 0 : NO_REPLY;
  send_message(&access.header, REGION_WRITE, sizeof(access) - 8 + width, flags, -1);
  if (flags == 0) receive(0);
}

static uint32_t read_register(uint64_t offset) {
  struct access access = {.offset = offset, .count = 4};
  send_message(&access.header, REGION_READ, sizeof(access) - 8, 0, -1);
  return receive(16);
}

static struct ring make_ring(uint32_t id) {
  uint8_t *pages = memory + 2 * id * PAGE;
  return (struct ring){(void *)pages, (void *)(pages + PAGE), kIova + 2 * id * PAGE, id, 0, 0, 1};
}

static void put(struct ring *ring, uint32_t id, const uint32_t command[16]) {
  memcpy(ring->commands[ring->tail], command, 64);
  ring->commands[ring->tail][0] |= id << 16;
  ring->tail = (ring->tail + 1) % ENTRIES;
}

static void ring_doorbell(const struct ring *ring) {
  atomic_thread_fence(memory_order_seq_cst);
  write_register(0, DOORBELLS + 8 * ring->id, ring->tail, 4);
}

/* Returns the id of the next completed command, or -1. */
static int next_completion(struct ring *ring) {
  const uint32_t status = ring->completions[ring->head].status;
  if ((status >> 16 & 1) != ring->phase) return -1;
  expect(status >> 17 == 0, "an NVMe command");
  ring->head = (ring->head + 1) % ENTRIES;
  if (ring->head == 0) ring->phase ^= 1;
  return status & 0xffff;
}

static void acknowledge(const struct ring *ring) {
  write_register(0, DOORBELLS + 8 * ring->id + 4, ring->head, 4);
}

static void admin(struct ring *ring, const uint32_t command[16]) {
  put(ring, 0, command);
  ring_doorbell(ring);
  while (next_completion(ring) < 0) read_register(CSTS);
  acknowledge(ring);
}

static void negotiate(void) {
  struct {
    struct header header;
    uint16_t major, minor;
    char json[64];
  } version = {.json = "{\"capabilities\":{\"max_msg_fds\":16}}"};
  const uint32_t size = sizeof(struct header) + 4 + strlen(version.json) + 1;
  send_message(&version.header, VERSION, size, 0, -1);
  receive(0);
}

static void map_memory(void) {
  const int fd = memfd_create("guest", MFD_CLOEXEC);
  expect(fd >= 0 && ftruncate(fd, MEMORY) == 0, "memfd_create");
  memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  expect(memory != MAP_FAILED, "mmap");
  struct {
    struct header header;
    uint32_t argsz, flags;
    uint64_t offset, address, size;
  } map = {.argsz = 32, .flags = 3, .address = kIova, .size = MEMORY};
  send_message(&map.header, DMA_MAP, sizeof(map), 0, fd);
  receive(0);
  close(fd);
}

/* Binds an eventfd to vector 1. */
static int bind_vector(void) {
  const int fd = eventfd(0, EFD_CLOEXEC);
  struct {
    struct header header;
    uint32_t argsz, flags, index, start, count;
  } set = {.argsz = 20, .flags = BIND, .index = MSIX, .start = 1, .count = 1};
  send_message(&set.header, SET_IRQS, sizeof(set), 0, fd);
  receive(0);
  return fd;
}

static struct ring start(void) {
  write_register(CONFIG, 4, 0x406, 2);
  struct ring control = make_ring(0), io = make_ring(1);
  write_register(0, AQA, (ENTRIES - 1) << 16 | (ENTRIES - 1), 4);
  write_register(0, ASQ, control.iova, 8);
  write_register(0, ACQ, control.iova + PAGE, 8);
  write_register(0, CC, 1 | 6 << 16 | 4 << 20, 4);
  while ((read_register(CSTS) & 1) == 0) continue;
  const uint32_t size = (ENTRIES - 1) << 16 | 1;
  const uint32_t cq[16] = {CREATE_CQ, [6] = io.iova + PAGE, [10] = size, [11] = 1 << 16 | 3};
  const uint32_t sq[16] = {CREATE_SQ, [6] = io.iova, [10] = size, [11] = 1 << 16 | 1};
  admin(&control, cq);
  admin(&control, sq);
  return io;
}

static int compare(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static void report(double elapsed, double *times, int count) {
  qsort(times, count, sizeof(*times), compare);
  printf("{\"seconds\":%.6f,\"p50\":%.2f,\"p99\":%.2f}\n", elapsed, times[count / 2] * 1e6,
         times[(int)(count * 0.99)] * 1e6);
}

static void submit(struct ring *ring, int id, uint32_t page) {
  const uint32_t command[16] = {
      READ, 1, [6] = kIova + (DATA + id) * PAGE, [10] = page % 1024 * 8, [12] = 7};
  put(ring, id, command);
}

static void measure_reads(int depth, int count) {
  map_memory();
  const int vector = bind_vector();
  struct ring io = start();
  double started[DEPTH_MAX], *times = calloc(count, sizeof(*times));
  const double begin = now();
  int submitted = 0, done = 0;
  for (; submitted < depth; submitted++) {
    started[submitted] = now();
    submit(&io, submitted, submitted);
  }
  ring_doorbell(&io);
  while (done < count) {
    eventfd_t signals;
    expect(eventfd_read(vector, &signals) == 0, "eventfd_read");
    int found = 0, added = 0;
    for (int id; (id = next_completion(&io)) >= 0; found++) {
      const double time = now();
      if (done < count) times[done++] = time - started[id];
      if (submitted >= count) continue;
      started[id] = time;
      submit(&io, id, submitted++);
      added++;
    }
    if (added > 0) ring_doorbell(&io);
    if (found > 0) acknowledge(&io);
  }
  report(now() - begin, times, count);
}

static void measure_echo(int count) {
  double *times = calloc(count, sizeof(*times));
  const double begin = now();
  for (int i = 0; i < count; i++) {
    struct access access = {.count = 4};
    const double time = now();
    send_message(&access.header, REGION_READ, sizeof(access) - 8, 0, -1);
    receive(0);
    times[i] = now() - time;
  }
  report(now() - begin, times, count);
}

static void measure_signals(int count) {
  const int vector = bind_vector();
  double *times = calloc(count, sizeof(*times));
  const double begin = now();
  for (int i = 0; i < count; i++) {
    eventfd_t signals;
    const double time = now();
    write_register(0, DOORBELLS, i, 4);
    expect(eventfd_read(vector, &signals) == 0, "eventfd_read");
    times[i] = now() - time;
  }
  report(now() - begin, times, count);
}

int main(int argc, char **argv) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  expect(argc >= 4 && strlen(argv[1]) < sizeof(address.sun_path), "arguments");
  strcpy(address.sun_path, argv[1]);
  server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  expect(connect(server, (struct sockaddr *)&address, sizeof(address)) == 0, "connect");
  if (strcmp(argv[2], "echo") == 0) {
    measure_echo(atoi(argv[3]));
    return 0;
  }
  if (strcmp(argv[2], "signal") == 0) {
    measure_signals(atoi(argv[3]));
    return 0;
  }
  const int depth = atoi(argv[3]);
  expect(argc == 5 && depth >= 1 && depth <= DEPTH_MAX, "arguments");
  negotiate();
  measure_reads(depth, atoi(argv[4]));
  return 0;
}
