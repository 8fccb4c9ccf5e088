#define _GNU_SOURCE
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "program.h"

enum { CAP = 0, CC = 0x14, CSTS = 0x1c, AQA = 0x24, ASQ = 0x28, ACQ = 0x30, DOORBELLS = 0x1000 };
enum { CREATE_SQ = 1, CREATE_CQ = 5, DELETE_SQ = 0, DELETE_CQ = 4, WRITE = 1, READ = 2 };
/*
 * BLOCKS: 512-byte blocks per page. DISK: number of disk pages that are read. ENTRIES: entries per
 * ring. DEPTH_MAX: maximum number of reads at a time.
 */
enum { BLOCKS = PAGE / 512, DISK = 1024, ENTRIES = 64, DEPTH_MAX = 32 };
enum { READS = 2000, WARM_UP = 2, EMPTY = 1000000 };

static const uint64_t kIova = 0x1000000;

struct command {
  uint32_t dword[16];
};
struct completion {
  uint32_t result, reserved, queue, status;
};

struct ring {
  volatile uint32_t *tail_doorbell, *head_doorbell;
  struct command *commands;
  volatile struct completion *completions;
  uint64_t commands_iova, completions_iova;
  uint32_t tail, head, phase;
};

struct disk {
  const struct device *device;
  struct ring admin, io;
  uint8_t *data;
  uint64_t data_iova;
  int vectors[2], epoll;
  uint32_t random;
  /* For each buffer, the number of the disk page that the buffer must contain after the read. */
  uint32_t pages[DEPTH_MAX];
  int outstanding, done;
};

static volatile uint32_t *reg(const struct device *device, unsigned offset) {
  return (volatile uint32_t *)(device->registers + offset);
}

static void put(struct ring *ring, uint32_t id, const struct command *command) {
  struct command *entry = &ring->commands[ring->tail];
  *entry = *command;
  entry->dword[0] |= id << 16;
  ring->tail = (ring->tail + 1) % ENTRIES;
}

/* Writes the tail doorbell. The commands are in memory before the write. */
static void ring_doorbell(const struct ring *ring) {
  atomic_thread_fence(memory_order_release);
  *ring->tail_doorbell = ring->tail;
}

/* Runs a command of the admin queue and polls for its completion. */
static void admin(struct disk *disk, const struct command *command) {
  struct ring *ring = &disk->admin;
  put(ring, 0, command);
  ring_doorbell(ring);
  volatile struct completion *completion = &ring->completions[ring->head];
  while ((completion->status >> 16 & 1) != ring->phase) {
  }
  expect(completion->status >> 17 == 0, "admin command");
  ring->head = (ring->head + 1) % ENTRIES;
  if (ring->head == 0) ring->phase ^= 1;
  *ring->head_doorbell = ring->head;
}

/*
 * Initializes a queue. The queue uses two pages of `memory`: page 2 * id for commands, page 2 * id
 * + 1 for completions.
 */
static void ring_init(struct disk *disk, struct ring *ring, int id, uint8_t *memory) {
  const unsigned stride = 4u << (*reg(disk->device, CAP + 4) & 0xf);
  ring->tail_doorbell = reg(disk->device, DOORBELLS + 2 * id * stride);
  ring->head_doorbell = reg(disk->device, DOORBELLS + (2 * id + 1) * stride);
  ring->commands = (struct command *)(memory + 2 * id * PAGE);
  ring->completions = (struct completion *)(memory + (2 * id + 1) * PAGE);
  ring->commands_iova = kIova + 2 * id * PAGE;
  ring->completions_iova = kIova + (2 * id + 1) * PAGE;
  memset(ring->commands, 0, 2 * PAGE);
  ring->tail = ring->head = 0;
  ring->phase = 1;
}

static void start(struct disk *disk, uint8_t *memory) {
  const struct device *device = disk->device;
  *reg(device, CC) = 0;
  while (*reg(device, CSTS) & 1) {
  }
  ring_init(disk, &disk->admin, 0, memory);
  *reg(device, AQA) = (ENTRIES - 1) << 16 | (ENTRIES - 1);
  *(volatile uint64_t *)reg(device, ASQ) = disk->admin.commands_iova;
  *(volatile uint64_t *)reg(device, ACQ) = disk->admin.completions_iova;
  *reg(device, CC) = 1 | 6 << 16 | 4 << 20;
  while (!(*reg(device, CSTS) & 1)) {
  }
}

static void create_queue(struct disk *disk, uint8_t *memory, int interrupts) {
  ring_init(disk, &disk->io, 1, memory);
  const uint32_t size = (ENTRIES - 1) << 16 | 1;
  struct command cq = {{CREATE_CQ}};
  cq.dword[6] = disk->io.completions_iova;
  cq.dword[10] = size;
  cq.dword[11] = interrupts ? 1 << 16 | 3 : 1;
  admin(disk, &cq);
  struct command sq = {{CREATE_SQ}};
  sq.dword[6] = disk->io.commands_iova;
  sq.dword[10] = size;
  sq.dword[11] = 1 << 16 | 1;
  admin(disk, &sq);
}

static void delete_queue(struct disk *disk) {
  for (int opcode = DELETE_SQ; opcode <= DELETE_CQ; opcode += DELETE_CQ) {
    struct command command = {{opcode}};
    command.dword[10] = 1;
    admin(disk, &command);
  }
}

static void submit(struct disk *disk, uint32_t id, uint32_t opcode, uint32_t page) {
  disk->pages[id] = page;
  struct command command = {{opcode, 1}};
  const uint64_t address = disk->data_iova + id * PAGE;
  command.dword[6] = address;
  command.dword[7] = address >> 32;
  command.dword[10] = page * BLOCKS;
  command.dword[12] = BLOCKS - 1;
  put(&disk->io, id, &command);
  disk->outstanding++;
}

static uint32_t random_page(struct disk *disk) {
  disk->random ^= disk->random << 13;
  disk->random ^= disk->random >> 17;
  disk->random ^= disk->random << 5;
  return disk->random % DISK;
}

/*
 * Consumes the new completions. Submits the next read into the buffer of each completed read, until
 * `max_reads` reads were submitted.
 * @returns the number of consumed completions
 */
static int drain(struct disk *disk, int max_reads) {
  struct ring *ring = &disk->io;
  int consumed = 0, more = 0;
  for (;;) {
    const uint32_t status = ring->completions[ring->head].status;
    if ((status >> 16 & 1) != ring->phase) break;
    ring->head = (ring->head + 1) % ENTRIES;
    if (ring->head == 0) ring->phase ^= 1;
    const uint32_t id = status & 0xffff;
    expect(status >> 17 == 0, "read");
    expect(*(volatile uint32_t *)(disk->data + id * PAGE) == disk->pages[id], "page of the read");
    consumed++;
    disk->outstanding--;
    disk->done++;
    if (disk->done + disk->outstanding >= max_reads) continue;
    submit(disk, id, READ, random_page(disk));
    more = 1;
  }
  if (more) ring_doorbell(ring);
  if (consumed > 0) *ring->head_doorbell = ring->head;
  return consumed;
}

/*
 * Drains until READS reads are done, or until `max_empty` drains were empty. The function is not
 * inlined. An empty drain therefore costs the same for every caller.
 * @returns the number of empty drains
 */
__attribute__((noinline, noclone)) static long reads(
    struct disk *disk, int depth, int interrupts, long max_empty) {
  long empty = 0;
  disk->done = 0;
  for (int id = 0; id < depth; id++) submit(disk, id, READ, random_page(disk));
  if (depth > 0) ring_doorbell(&disk->io);
  while (disk->done < READS && empty < max_empty) {
    if (interrupts) {
      struct epoll_event event;
      if (epoll_wait(disk->epoll, &event, 1, -1) != 1) continue;
      uint64_t count;
      expect(read(event.data.fd, &count, sizeof(count)) == sizeof(count), "read");
    }
    if (drain(disk, READS) == 0) empty++;
  }
  return empty;
}

/*
 * Returns the CPU time of an empty drain in nanoseconds. Empty drains are waiting time, so the
 * measurement subtracts their time.
 */
static double empty_cost(struct disk *disk) {
  struct clocks start = now();
  const long empty = reads(disk, 0, 0, EMPTY);
  return (now().cpu - start.cpu) / empty;
}

static void measure(struct disk *disk, int depth, int interrupts) {
  for (int i = 0; i < WARM_UP; i++) reads(disk, depth, interrupts, LONG_MAX);
  const double cost = interrupts ? 0 : empty_cost(disk);
  struct rounds rounds = {0};
  while (rounds.count < ROUNDS) {
    struct clocks start = now();
    const long empty = reads(disk, depth, interrupts, LONG_MAX);
    round_done(&rounds, start, READS, empty * cost);
  }
  char path[64];
  snprintf(path, sizeof(path), "NVMe reads, depth %d, %s", depth,
           interrupts ? "by interrupt" : "polled");
  report(path, &rounds);
}

/* Writes the number of each disk page to the start of the page. */
static void number_pages(struct disk *disk) {
  for (uint32_t page = 0; page < DISK; page++) {
    *(uint32_t *)disk->data = page;
    submit(disk, 0, WRITE, page);
    ring_doorbell(&disk->io);
    while (drain(disk, 0) == 0) {
    }
  }
}

void measure_nvme(const struct device *device) {
  struct disk disk = {.device = device, .random = 1};
  const size_t size = (4 + DEPTH_MAX) * PAGE;
  uint8_t *own = memory(size);
  dma_map(device, own, size, kIova);
  disk.data = own + 4 * PAGE;
  disk.data_iova = kIova + 4 * PAGE;
  disk.epoll = epoll_create1(0);
  for (int i = 0; i < 2; i++) disk.vectors[i] = eventfd(0, EFD_NONBLOCK);
  struct epoll_event event = {.events = EPOLLIN, .data.fd = disk.vectors[1]};
  expect(epoll_ctl(disk.epoll, EPOLL_CTL_ADD, disk.vectors[1], &event) == 0, "epoll_ctl");
  msix_set(device, disk.vectors, 2);
  start(&disk, own);
  for (int interrupts = 1; interrupts >= 0; interrupts--) {
    create_queue(&disk, own, interrupts);
    if (interrupts) number_pages(&disk);
    const int depths[] = {1, 8, 32};
    for (int i = 0; i < 3; i++) measure(&disk, depths[i], interrupts);
    delete_queue(&disk);
  }
  *reg(device, CC) = 0;
  msix_set(device, NULL, 0);
}
