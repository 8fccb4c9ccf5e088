// Fuzzes the event set and compares the event set with a model. The comparison covers the slots
// that fire, their counts, and the errors. Each signal must be delivered once, to the slot that
// watches the eventfd. A signal must not be delivered after the slot was removed.

#include <cerrno>
#include <memory>

#include "../core/event_set.h"
#include "../core/eventfd.h"
#include "../core/fd_table.h"
#include "targets.h"

namespace {

using namespace vfio::core;  // NOLINT: the target uses no other namespace.

constexpr uint32_t kSlots = 4;
constexpr uint32_t kFds = 5;
constexpr uint32_t kUnwatched = kSlots;

struct Watched {
  uint32_t slot = kUnwatched;
  bool counted = false;
  // `edge`: whether the eventfd was signalled since the last delivery. `count`: the expected
  // counter value.
  bool edge = false;
  uint64_t count = 0;
};

class SetAndModel {
 public:
  SetAndModel() {
    MUST(EventSet::Create(kSlots, &set_) == 0);
    for (auto& number : numbers_) number = table_.Adopt(Fd(EventfdCreate()));
  }

  void Add(uint32_t slot, uint32_t fd, bool counted) {
    std::shared_ptr<const Fd> shared;
    MUST(table_.Share(numbers_[fd], &shared) == 0);
    const bool in_use = watched_[fd].slot != kUnwatched || OfSlot(slot) != kFds;
    MUST(set_->Add(slot, shared, counted) == (in_use ? -EEXIST : 0));
    if (!in_use) watched_[fd] = {slot, counted, false, 0};
  }

  void Remove(uint32_t slot) {
    set_->Remove(slot);
    const uint32_t fd = OfSlot(slot);
    if (fd != kFds) watched_[fd] = {};
  }

  void Signal(uint32_t fd, uint64_t count) {
    MUST(EventfdSignal(numbers_[fd], count) == 8);
    watched_[fd].edge = true;
    watched_[fd].count += count;
  }

  // Reads the counter outside of the event set.
  void ReadElsewhere(uint32_t fd) {
    uint64_t count;
    EventfdRead(numbers_[fd], &count);
    MUST(count == watched_[fd].count);
    watched_[fd].count = 0;
    // An eventfd with a counter of 0 is not ready, even if the eventfd was signalled.
    watched_[fd].edge = false;
  }

  void Collect() {
    uint32_t fired[kSlots];
    uint64_t counts[kSlots];
    const int n = set_->Collect({fired, counts});
    int expected = 0;
    for (Watched& one : watched_) {
      if (one.slot == kUnwatched || !one.edge) continue;
      expected++;
      int found = 0;
      for (int i = 0; i < n; i++) {
        if (fired[i] != one.slot) continue;
        found++;
        MUST(counts[i] == (one.counted ? one.count : 0));
      }
      MUST(found == 1);
      one.edge = false;
      if (one.counted) one.count = 0;
    }
    MUST(n == expected);
  }

 private:
  uint32_t OfSlot(uint32_t slot) const {
    uint32_t fd = 0;
    while (fd < kFds && watched_[fd].slot != slot) fd++;
    return fd;
  }

  FdTable table_;
  int numbers_[kFds];
  std::unique_ptr<EventSet> set_;
  Watched watched_[kFds];
};

}  // namespace

void vfio::fuzz::FuzzEventSet(Input input) {
  SetAndModel both;
  for (int step = 0; step < 60 && !input.empty(); step++) {
    switch (input.Below(6)) {
      case 0:
        both.Add(input.Below(kSlots), input.Below(kFds), input.Flag());
        break;
      case 1:
        both.Remove(input.Below(kSlots));
        break;
      case 2:
        both.ReadElsewhere(input.Below(kFds));
        break;
      case 3:
        both.Collect();
        break;
      default:
        both.Signal(input.Below(kFds), 1 + input.Below(3));
    }
  }
  both.Collect();
}
