/* twin <address>: prints a line of JSON a path; bench/lab/main.ts runs it in the lab's guest. */
#include "twin.h"

int main(int argc, char **argv) {
  expect(argc == 2, "usage: twin <address of an NVMe>");
  struct device device;
  device_open(&device, argv[1]);
  measure_paths(&device);
  measure_nvme(&device);
  return 0;
}
