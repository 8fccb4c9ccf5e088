#include "fd_table.h"

#include <algorithm>
#include <vector>

#include "file.h"

namespace vfio::core {

FdTable::~FdTable() {
  std::vector<Entry> entries;
  for (auto& [number, entry] : entries_) entries.push_back(std::move(entry));
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return a.age > b.age; });
  for (Entry& entry : entries) entry.fd.reset();
}

int FdTable::Adopt(Fd fd) {
  const int number = fd.number();
  entries_[number] = {adopted_++, std::make_shared<const Fd>(std::move(fd))};
  return number;
}

void FdTable::Close(int number) { entries_.erase(number); }

int FdTable::Share(int number, std::shared_ptr<const Fd>* shared) const {
  const auto entry = entries_.find(number);
  if (entry != entries_.end()) {
    *shared = entry->second.fd;
    return 0;
  }
  const int copy = Duplicate(number);
  if (copy < 0) return copy;
  *shared = std::make_shared<const Fd>(copy);
  return 0;
}

}  // namespace vfio::core
