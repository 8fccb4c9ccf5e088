/*
 * A C program that does the same work as bench/lab/guest.ts and calls VFIO directly. The program
 * opens the device through its group and a container.
 */
#ifndef VFIO_BENCH_PROGRAM_H_
#define VFIO_BENCH_PROGRAM_H_

#include <linux/vfio.h>
#include <stddef.h>
#include <stdint.h>

enum { ROUNDS = 5, PAGE = 4096 };

struct device {
  int container, group, fd;
  struct vfio_region_info config, bar0;
  volatile uint8_t *registers;
};

/* Functions of device.c. If a system call fails, each function exits with an error message. */
void expect(int holds, const char *what);
void device_open(struct device *device, const char *address);
void *memory(size_t size);
void dma_map(const struct device *device, void *memory, size_t size, uint64_t iova);
void dma_unmap(const struct device *device, size_t size, uint64_t iova);
/* Binds MSI-X vectors 0 to count - 1 to the eventfds. A count of 0 disables MSI-X. */
void msix_set(const struct device *device, const int *eventfds, int count);
uint32_t config_read32(const struct device *device, unsigned offset);
void config_write16(const struct device *device, unsigned offset, uint16_t value);

/* Functions of measure.c. CPU time and elapsed time are in nanoseconds. */
struct clocks {
  double cpu, elapsed;
};
struct clocks now(void);

struct rounds {
  int count;
  struct clocks each[ROUNDS];
};
/*
 * Adds a round that did `operations` operations since `start`. `waited` is the CPU time that the
 * round spent waiting, in nanoseconds.
 */
void round_done(struct rounds *rounds, struct clocks start, int operations, double waited);
/* Prints the rounds of a path as one line of JSON. */
void report(const char *path, const struct rounds *rounds);

/* paths.c, nvme.c */
void measure_paths(const struct device *device);
void measure_nvme(const struct device *device);

#endif
