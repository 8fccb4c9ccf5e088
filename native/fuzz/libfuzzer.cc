// One target for libFuzzer, chosen when it is compiled: -DTARGET=FuzzInfo.

#include "targets.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  vfio::fuzz::TARGET(vfio::fuzz::Input(data, size));
  return 0;
}
