#ifndef VFIO_CORE_FD_TABLE_H_
#define VFIO_CORE_FD_TABLE_H_

#include <cstdint>
#include <memory>
#include <unordered_map>

#include "fd.h"

namespace vfio::core {

// The file descriptors that one environment opened. The table has one reference to each file. Each
// call in progress has another reference to its file. When the last reference to a file is
// released, the file is closed and its number can be reused.
class FdTable {
 public:
  FdTable() = default;
  FdTable(const FdTable&) = delete;
  FdTable& operator=(const FdTable&) = delete;
  // Closes the newest file first, because a device must be closed before its group and its
  // container.
  ~FdTable();

  // Makes the table the owner of the file. Returns the number of the file for JavaScript.
  int Adopt(Fd fd);
  // Releases the table's reference to the file. Ignores a number that the table does not own.
  void Close(int number);
  // Makes a reference that keeps the file open. If the table does not own the file, the file is
  // duplicated. Returns 0 or a negative errno.
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
