#ifndef VFIO_CORE_FD_TABLE_H_
#define VFIO_CORE_FD_TABLE_H_

#include <cstdint>
#include <memory>
#include <unordered_map>

#include "fd.h"

namespace vfio::core {

// The file descriptors one environment made. A number is closed, and so free to be given to
// another file, when nobody holds it any more: neither the table nor work under way.
class FdTable {
 public:
  FdTable() = default;
  FdTable(const FdTable&) = delete;
  FdTable& operator=(const FdTable&) = delete;
  // Newest first, because a device goes before its group and its container.
  ~FdTable();

  // Returns the number, for the caller to hand out.
  int Adopt(Fd fd);
  // Another number than those made here is left alone.
  void Close(int number);
  // Keeps the file of a number open; one that was made elsewhere is duplicated. Negative errno.
  int Hold(int number, std::shared_ptr<const Fd>* held) const;

 private:
  struct Entry {
    uint64_t age;
    std::shared_ptr<const Fd> fd;
  };
  uint64_t adopted_ = 0;
  std::unordered_map<int, Entry> entries_;
};

}  // namespace vfio::core

#endif  // VFIO_CORE_FD_TABLE_H_
