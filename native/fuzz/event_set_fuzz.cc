// The event set against a model: which slots fire, with which counts, and what is an error. A
// signal is delivered once, to the slot that watches, and never to one that was closed.

#include <cerrno>
#include <memory>

#include "../core/event_set.h"
#include "../core/eventfd.h"
#include "../core/fd_table.h"
#include "targets.h"

namespace {

using namespace vfio::core;  // NOLINT: the target is about nothing else.

constexpr uint32_t kSlots = 4;
constexpr uint32_t kFds = 5;
constexpr uint32_t kNobody = kSlots;

struct Watched {
  uint32_t slot = kNobody;
  bool counted = false;
  // Signalled since it was delivered last, and how much the counter holds.
  bool edge = false;
  uint64_t count = 0;
};

class Pair {
 public:
  Pair() {
    MUST(EventSet::Create(kSlots, &set_) == 0);
    for (auto& number : numbers_) number = table_.Adopt(Fd(EventfdCreate()));
  }

  void Add(uint32_t slot, uint32_t fd, bool counted) {
    std::shared_ptr<const Fd> held;
    MUST(table_.Hold(numbers_[fd], &held) == 0);
    const bool taken = watched_[fd].slot != kNobody || OfSlot(slot) != kFds;
    MUST(set_->Add(slot, held, counted) == (taken ? -EEXIST : 0));
    if (!taken) watched_[fd] = {slot, counted, false, 0};
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

  // Somebody else takes the counter.
  void Steal(uint32_t fd) {
    uint64_t count;
    EventfdRead(numbers_[fd], &count);
    MUST(count == watched_[fd].count);
    watched_[fd].count = 0;
    // Edge or not, an eventfd that holds nothing is not ready.
    watched_[fd].edge = false;
  }

  void Collect() {
    uint32_t fired[kSlots];
    uint64_t counts[kSlots];
    const int n = set_->Collect({fired, counts});
    int expected = 0;
    for (Watched& one : watched_) {
      if (one.slot == kNobody || !one.edge) continue;
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
  Pair pair;
  for (int step = 0; step < 60 && !input.empty(); step++) {
    switch (input.Below(6)) {
      case 0:
        pair.Add(input.Below(kSlots), input.Below(kFds), input.Flag());
        break;
      case 1:
        pair.Remove(input.Below(kSlots));
        break;
      case 2:
        pair.Steal(input.Below(kFds));
        break;
      case 3:
        pair.Collect();
        break;
      default:
        pair.Signal(input.Below(kFds), 1 + input.Below(3));
    }
  }
  pair.Collect();
}
