/*
 * program <address of an NVMe>: measures the paths and prints one line of JSON for each path.
 * bench/lab/main.ts runs the program in the lab's guest.
 */
#include "program.h"

int main(int argc, char **argv) {
  expect(argc == 2, "usage: program <address of an NVMe>");
  struct device device;
  device_open(&device, argv[1]);
  measure_paths(&device);
  measure_nvme(&device);
  return 0;
}
