#ifndef VFIO_CORE_FD_H_
#define VFIO_CORE_FD_H_

#include <unistd.h>

#include <utility>

namespace vfio::core {

// Owner of one file descriptor.
class Fd {
 public:
  explicit Fd(int number = -1) : number_(number) {}
  Fd(Fd&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~Fd() {
    if (number_ >= 0) close(number_);
  }

  int number() const { return number_; }
  // Returns the descriptor. The caller then owns the descriptor.
  int Release() { return std::exchange(number_, -1); }

 private:
  int number_;
};

}  // namespace vfio::core

#endif  // VFIO_CORE_FD_H_
