#define _GNU_SOURCE
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "program.h"

enum { READS = 2000, LOOPS = 500, MAPS = 200, MAPPED = 64 * 1024 };

static void config_reads(const struct device *device) {
  struct rounds rounds = {0};
  while (rounds.count < ROUNDS) {
    struct clocks start = now();
    for (int i = 0; i < READS; i++) config_read32(device, 0);
    round_done(&rounds, start, READS, 0);
  }
  report("config.read32", &rounds);
}

/* Reads a register with pread(). The kernel accesses the BAR. */
static void region_reads(const struct device *device) {
  struct rounds rounds = {0};
  while (rounds.count < ROUNDS) {
    struct clocks start = now();
    for (int i = 0; i < READS; i++) {
      uint32_t value;
      expect(pread(device->fd, &value, 4, device->bar0.offset) == 4, "region");
    }
    round_done(&rounds, start, READS, 0);
  }
  report("region.load", &rounds);
}

static void register_reads(const struct device *device) {
  struct rounds rounds = {0};
  while (rounds.count < ROUNDS) {
    struct clocks start = now();
    for (int i = 0; i < READS; i++) *(volatile uint32_t *)device->registers;
    round_done(&rounds, start, READS, 0);
  }
  report("read32 of a mapped register", &rounds);
}

static void loopback(const struct device *device) {
  const int fd = eventfd(0, EFD_NONBLOCK);
  const int epoll = epoll_create1(0);
  struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
  expect(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0, "epoll_ctl");
  msix_set(device, &fd, 1);
  struct vfio_irq_set trigger = {.argsz = sizeof(trigger),
                                 .flags = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER,
                                 .index = VFIO_PCI_MSIX_IRQ_INDEX,
                                 .count = 1};
  struct rounds rounds = {0};
  while (rounds.count < ROUNDS) {
    struct clocks start = now();
    for (int i = 0; i < LOOPS; i++) {
      expect(ioctl(device->fd, VFIO_DEVICE_SET_IRQS, &trigger) == 0, "SET_IRQS");
      expect(epoll_wait(epoll, &event, 1, -1) == 1, "epoll_wait");
      uint64_t count;
      expect(read(event.data.fd, &count, sizeof(count)) == sizeof(count), "read");
    }
    round_done(&rounds, start, LOOPS, 0);
  }
  msix_set(device, NULL, 0);
  report("SET_IRQS loopback to the handler", &rounds);
}

static void maps(const struct device *device) {
  void *mapped = memory(MAPPED);
  const uint64_t iova = 0x10000000;
  struct rounds rounds = {0};
  while (rounds.count < ROUNDS) {
    struct clocks start = now();
    for (int i = 0; i < MAPS; i++) {
      dma_map(device, mapped, MAPPED, iova);
      dma_unmap(device, MAPPED, iova);
    }
    round_done(&rounds, start, MAPS, 0);
  }
  report("DMA map and unmap of 64 KiB", &rounds);
}

void measure_paths(const struct device *device) {
  config_reads(device);
  region_reads(device);
  register_reads(device);
  loopback(device);
  maps(device);
}
