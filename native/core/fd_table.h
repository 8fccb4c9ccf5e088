#ifndef VFIO_CORE_FD_TABLE_H_
#define VFIO_CORE_FD_TABLE_H_

#include <cstdint>
#include <memory>
#include <unordered_map>

#include "fd.h"

namespace vfio::core {

// The file descriptors that one environment made. A number is closed, and free for another file,
// when its last reference is released: that of the table, or that of a call under way.
class FdTable {
 public:
  FdTable() = default;
  FdTable(const FdTable&) = delete;
  FdTable& operator=(const FdTable&) = delete;
  // Closes the newest file first, because a device closes before its group and its container.
  ~FdTable();

  // Owns the file. Returns its number for JavaScript.
  int Adopt(Fd fd);
  // Releases the table's reference to the file. Ignores a number that the table does not own.
  void Close(int number);
  // Makes a reference that keeps the file open. A file of another owner is duplicated. Returns 0 or
  // a negative errno.
  int Share(int number, std::shared_ptr<const Fd>* shared) const;

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
