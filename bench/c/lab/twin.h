/* The work of bench/lab/guest as a plain C program on /dev/vfio, by group and container. */
#ifndef VFIO_BENCH_TWIN_H_
#define VFIO_BENCH_TWIN_H_

#include <linux/vfio.h>
#include <stddef.h>
#include <stdint.h>

enum { ROUNDS = 5, PAGE = 4096 };

struct device {
  int container, group, fd;
  struct vfio_region_info config, bar0;
  volatile uint8_t *registers;
};

/* device.c: all of them end the program when the kernel refuses. */
void expect(int holds, const char *what);
void device_open(struct device *device, const char *address);
void *memory(size_t size);
void dma_map(const struct device *device, void *memory, size_t size, uint64_t iova);
void dma_unmap(const struct device *device, size_t size, uint64_t iova);
/* MSI-X vectors 0 to count - 1 with an eventfd each; none: MSI-X off. */
void msix_set(const struct device *device, const int *eventfds, int count);
uint32_t config_read32(const struct device *device, unsigned offset);
void config_write16(const struct device *device, unsigned offset, uint16_t value);

/* measure.c: nanoseconds of a round's CPU time and of its duration. */
struct clocks {
  double cpu, elapsed;
};
struct clocks now(void);

struct rounds {
  int count;
  struct clocks each[ROUNDS];
};
/* A round that did so many operations since `start`, and so many nanoseconds of CPU for nothing. */
void round_done(struct rounds *rounds, struct clocks start, int operations, double waited);
/* One line of JSON. */
void report(const char *path, const struct rounds *rounds);

/* paths.c, nvme.c */
void measure_paths(const struct device *device);
void measure_nvme(const struct device *device);

#endif
