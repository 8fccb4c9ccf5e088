#ifndef VFIO_FUZZ_INPUT_H_
#define VFIO_FUZZ_INPUT_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace vfio::fuzz {

// Reads the fuzzer's input as numbers. After the last byte, all numbers are 0.
class Input {
 public:
  Input(const uint8_t* data, size_t size) : data_(data), left_(size) {}

  template <class Number>
  Number Take() {
    Number number = 0;
    const size_t taken = std::min(left_, sizeof(number));
    if (taken > 0) std::memcpy(&number, data_, taken);
    data_ += taken;
    left_ -= taken;
    return number;
  }
  uint32_t Below(uint32_t limit) { return Take<uint8_t>() % limit; }
  bool Flag() { return Below(2) == 1; }
  bool empty() const { return left_ == 0; }

 private:
  const uint8_t* data_;
  size_t left_;
};

// Aborts if the expression is false. When the process aborts, the fuzzer stores the input.
#define MUST(expression)                                                               \
  do {                                                                                 \
    if (!(expression)) {                                                               \
      static_cast<void>(std::fprintf(stderr, "line %d: %s\n", __LINE__, #expression)); \
      std::abort();                                                                    \
    }                                                                                  \
  } while (false)

}  // namespace vfio::fuzz

#endif  // VFIO_FUZZ_INPUT_H_
