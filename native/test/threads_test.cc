// What several threads do to native/core at once: signals from others while vectors come and go,
// file descriptors held by work under way. For ThreadSanitizer, and as a test.

#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "../core/event_set.h"
#include "../core/eventfd.h"
#include "../core/fd_table.h"
#include "expect.h"

namespace vfio::test {
namespace {

using namespace vfio::core;  // NOLINT: the tests are about nothing else.

// valgrind takes its time.
const int kRounds = std::getenv("VFIO_TEST_VALGRIND") == nullptr ? 20'000 : 500;
constexpr int kThreads = 3;
constexpr uint32_t kVectors = 64;

// Every vector has a number that a thread raises before it signals, as a device writes a completion
// before it interrupts. Whoever is told looks at the number: the last one must be seen.
struct Vector {
  std::shared_ptr<const Fd> eventfd = std::make_shared<const Fd>(EventfdCreate());
  std::atomic<int> raised{0};
  int seen = 0;
};

void NoSignalIsLost() {
  std::unique_ptr<EventSet> set;
  EXPECT(EventSet::Create(kVectors, &set) == 0);
  std::vector<Vector> vectors(kVectors);
  for (uint32_t i = 0; i < kVectors; i++) {
    EXPECT(set->Add(i, vectors[i].eventfd, i % 2 == 1) == 0);
  }
  std::atomic<int> running{kThreads};
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; thread++) {
    threads.emplace_back([&, thread] {
      std::mt19937 random(static_cast<unsigned>(thread));
      for (int i = 0; i < kRounds; i++) {
        Vector& vector = vectors[random() % kVectors];
        vector.raised++;
        EventfdSignal(vector.eventfd->number(), 1);
      }
      running--;
    });
  }
  uint32_t fired[kVectors];
  uint64_t counts[kVectors];
  std::mt19937 random(99);
  int strangers = 0;
  std::vector<bool> watched(kVectors, true);
  const auto collect = [&] {
    const int n = set->Wait(1, {fired, counts}, [] { return false; });
    for (int i = 0; i < n; i++) {
      strangers += watched[fired[i]] ? 0 : 1;
      vectors[fired[i]].seen = vectors[fired[i]].raised;
    }
    return n;
  };
  while (running > 0) {
    collect();
    // Taken out and put back, as a program does that closes and requests it again. What came
    // meanwhile is taken with it, so the program looks by itself, as a driver does then.
    const uint32_t i = random() % kVectors;
    set->Remove(i);
    watched[i] = false;
    collect();
    EXPECT(set->Add(i, vectors[i].eventfd, i % 2 == 1) == 0);
    watched[i] = true;
    vectors[i].seen = vectors[i].raised;
  }
  for (auto& thread : threads) thread.join();
  while (collect() > 0) continue;
  int lost = 0;
  for (Vector& vector : vectors) lost += vector.seen != vector.raised;
  EXPECT(lost == 0);
  EXPECT(strangers == 0);
}

// As an Async call does: it holds the file while the environment closes it.
void HeldByWorkUnderWay() {
  FdTable table;
  std::atomic<int> failed{0};
  for (int round = 0; round < kRounds / 20; round++) {
    const int number = table.Adopt(Fd(EventfdCreate()));
    std::shared_ptr<const Fd> held;
    EXPECT(table.Hold(number, &held) == 0);
    std::thread work([held = std::move(held), &failed]() mutable {
      failed += EventfdSignal(held->number(), 1) != 8;
      held.reset();
    });
    table.Close(number);
    work.join();
    failed += EventfdSignal(number, 1) != -EBADF;
  }
  EXPECT(failed == 0);
}

}  // namespace
}  // namespace vfio::test

int main() {
  using namespace vfio::test;  // NOLINT
  return RunTests({
      {"no signal is lost while vectors come and go", NoSignalIsLost},
      {"a file held by work under way", HeldByWorkUnderWay},
  });
}
