#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "program.h"

void expect(int holds, const char *what) {
  if (holds) return;
  fprintf(stderr, "vfio-bench: %s: %s\n", what, strerror(errno));
  exit(1);
}

void device_open(struct device *device, const char *address) {
  char link[PATH_MAX], target[PATH_MAX], node[PATH_MAX];
  snprintf(link, sizeof(link), "/sys/bus/pci/devices/%s/iommu_group", address);
  ssize_t length = readlink(link, target, sizeof(target) - 1);
  expect(length > 0, link);
  target[length] = 0;
  snprintf(node, sizeof(node), "/dev/vfio/%.16s", basename(target));
  device->container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
  device->group = open(node, O_RDWR | O_CLOEXEC);
  expect(device->container >= 0 && device->group >= 0, node);
  expect(ioctl(device->group, VFIO_GROUP_SET_CONTAINER, &device->container) == 0, "SET_CONTAINER");
  expect(ioctl(device->container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU) == 0, "SET_IOMMU");
  device->fd = ioctl(device->group, VFIO_GROUP_GET_DEVICE_FD, address);
  expect(device->fd >= 0, "GET_DEVICE_FD");
  device->config = (struct vfio_region_info){
      .argsz = sizeof(device->config), .index = VFIO_PCI_CONFIG_REGION_INDEX};
  device->bar0 = (struct vfio_region_info){
      .argsz = sizeof(device->bar0), .index = VFIO_PCI_BAR0_REGION_INDEX};
  expect(ioctl(device->fd, VFIO_DEVICE_GET_REGION_INFO, &device->config) == 0, "config");
  expect(ioctl(device->fd, VFIO_DEVICE_GET_REGION_INFO, &device->bar0) == 0, "BAR 0");
  /* Sets memory space enable and bus master enable. */
  config_write16(device, 4, 6);
  void *registers = mmap(NULL, device->bar0.size, PROT_READ | PROT_WRITE, MAP_SHARED, device->fd,
                         device->bar0.offset);
  expect(registers != MAP_FAILED, "mmap");
  device->registers = registers;
}

void *memory(size_t size) {
  void *address =
      mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  expect(address != MAP_FAILED, "mmap");
  return address;
}

void dma_map(const struct device *device, void *memory, size_t size, uint64_t iova) {
  struct vfio_iommu_type1_dma_map map = {.argsz = sizeof(map),
                                         .flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
                                         .vaddr = (uintptr_t)memory,
                                         .iova = iova,
                                         .size = size};
  expect(ioctl(device->container, VFIO_IOMMU_MAP_DMA, &map) == 0, "MAP_DMA");
}

void dma_unmap(const struct device *device, size_t size, uint64_t iova) {
  struct vfio_iommu_type1_dma_unmap unmap = {.argsz = sizeof(unmap), .iova = iova, .size = size};
  expect(ioctl(device->container, VFIO_IOMMU_UNMAP_DMA, &unmap) == 0, "UNMAP_DMA");
}

void msix_set(const struct device *device, const int *eventfds, int count) {
  const size_t bytes = count * sizeof(int);
  char buffer[sizeof(struct vfio_irq_set) + 8 * sizeof(int)];
  struct vfio_irq_set *set = (struct vfio_irq_set *)buffer;
  const uint32_t data = count > 0 ? VFIO_IRQ_SET_DATA_EVENTFD : VFIO_IRQ_SET_DATA_NONE;
  *set = (struct vfio_irq_set){.argsz = sizeof(*set) + bytes,
                               .flags = data | VFIO_IRQ_SET_ACTION_TRIGGER,
                               .index = VFIO_PCI_MSIX_IRQ_INDEX,
                               .count = count};
  if (count > 0) memcpy(set->data, eventfds, bytes);
  expect(ioctl(device->fd, VFIO_DEVICE_SET_IRQS, set) == 0, "SET_IRQS");
}

uint32_t config_read32(const struct device *device, unsigned offset) {
  uint32_t value;
  expect(pread(device->fd, &value, 4, device->config.offset + offset) == 4, "config");
  return value;
}

void config_write16(const struct device *device, unsigned offset, uint16_t value) {
  expect(pwrite(device->fd, &value, 2, device->config.offset + offset) == 2, "config");
}
