// Runs every target with random inputs, without libFuzzer. Arguments: <inputs per target> <seed>.

#include <random>

#include "targets.h"

int main(int argc, char** argv) {
  using namespace vfio::fuzz;  // NOLINT
  if (argc != 3) return 2;
  const unsigned long inputs = std::strtoul(argv[1], nullptr, 10);
  std::mt19937_64 random(std::strtoull(argv[2], nullptr, 10));
  std::vector<uint8_t> bytes;
  for (const auto& target : {FuzzInfo, FuzzWindow, FuzzEventSet, FuzzMessages}) {
    for (unsigned long i = 0; i < inputs; i++) {
      bytes.resize(random() % 200);
      for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
      target(Input(bytes.data(), bytes.size()));
    }
  }
  std::printf("%lu inputs each\n", inputs);
  return 0;
}
