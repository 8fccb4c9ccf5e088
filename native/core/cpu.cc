#include "cpu.h"

#include <sched.h>

#include <vector>

#include "call.h"

namespace vfio::core {
namespace {

// Number of CPUs in a CPU set. No kernel supports more CPUs than this number (NR_CPUS on x86 is at
// most 8192).
constexpr unsigned kCpus = 65536;

class CpuSet {
 public:
  CpuSet() : words_(CPU_ALLOC_SIZE(kCpus) / sizeof(words_[0])) {}

  cpu_set_t* get() { return reinterpret_cast<cpu_set_t*>(words_.data()); }
  size_t size() const { return words_.size() * sizeof(words_[0]); }

 private:
  std::vector<unsigned long> words_;
};

}  // namespace

int VisitCpu(unsigned cpu) {
  if (sched_getcpu() == static_cast<int>(cpu)) return 0;
  CpuSet before;
  int result = Result(sched_getaffinity(0, before.size(), before.get()));
  if (result < 0) return result;
  CpuSet there;
  CPU_SET_S(cpu, there.size(), there.get());
  result = Result(sched_setaffinity(0, there.size(), there.get()));
  if (result < 0) return result;
  return Result(sched_setaffinity(0, before.size(), before.get()));
}

}  // namespace vfio::core
