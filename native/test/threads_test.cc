// Tests of native/core with several threads. The tests also run with ThreadSanitizer. In these
// tests, threads signal while slots are removed and added, and a thread uses a file that another
// thread closes.

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

using namespace vfio::core;  // NOLINT: the tests use no other namespace.

// Number of rounds. The tests run fewer rounds under valgrind, because valgrind is slow.
const int kRounds = std::getenv("VFIO_TEST_VALGRIND") == nullptr ? 20'000 : 500;
constexpr int kThreads = 3;
constexpr uint32_t kVectors = 64;

// A thread increments `raised` before the signal, like a device that writes a completion before the
// interrupt. The receiver reads `raised` at each delivery, and must read the last value.
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
  int unexpected = 0;
  std::vector<bool> watched(kVectors, true);
  const auto collect = [&] {
    const int n = set->Wait(1, {fired, counts}, [] { return false; });
    for (int i = 0; i < n; i++) {
      unexpected += watched[fired[i]] ? 0 : 1;
      vectors[fired[i]].seen = vectors[fired[i]].raised;
    }
    return n;
  };
  while (running > 0) {
    collect();
    // Removes and adds a slot, like a program that closes a vector and then requests the vector
    // again. Signals between the two calls are discarded. The receiver therefore reads `raised`
    // after Add(), like a driver.
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
  EXPECT(unexpected == 0);
}

// If the environment closes a file during a call on another thread, the file stays open until the
// call returns. The same applies to an asynchronous call of the addon.
void SharedWithRunningCall() {
  FdTable table;
  std::atomic<int> failed{0};
  for (int round = 0; round < kRounds / 20; round++) {
    const int number = table.Adopt(Fd(EventfdCreate()));
    std::shared_ptr<const Fd> shared;
    EXPECT(table.Share(number, &shared) == 0);
    std::thread call([shared = std::move(shared), &failed]() mutable {
      failed += EventfdSignal(shared->number(), 1) != 8;
      shared.reset();
    });
    table.Close(number);
    call.join();
    failed += EventfdSignal(number, 1) != -EBADF;
  }
  EXPECT(failed == 0);
}

}  // namespace
}  // namespace vfio::test

int main() {
  using namespace vfio::test;  // NOLINT
  return RunTests({
      {"no signal is lost while slots are removed and added", NoSignalIsLost},
      {"a file stays open during a call that uses it", SharedWithRunningCall},
  });
}
