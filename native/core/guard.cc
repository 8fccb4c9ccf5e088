#include "guard.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <mutex>

namespace vfio::core {

// A range of guarded addresses. A range is never freed, because a signal handler on another thread
// can still be reading the range. A later guard reuses the range.
struct Range {
  // The version is odd while the bounds are being changed.
  std::atomic<uint32_t> version{0};
  std::atomic<uintptr_t> start{0};
  std::atomic<uintptr_t> end{0};
  std::atomic<uintptr_t> page{0};
  std::atomic<uint32_t> lost{0};
  // After the range is in the list, `next` does not change.
  Range* next = nullptr;
};

namespace {

static_assert(std::atomic<uintptr_t>::is_always_lock_free, "the handler must not take a lock");
static_assert(sizeof(std::atomic<uint32_t>) == sizeof(uint32_t),
              "JavaScript reads `lost` as a plain Int32");

std::atomic<Range*> ranges{nullptr};
// The previous SIGBUS handler, which is stored before our handler is installed.
struct sigaction previous;
bool installed;

void SetBounds(Range* range, uintptr_t start, uintptr_t end, uintptr_t page) {
  range->version++;
  range->start = start;
  range->end = end;
  range->page = page;
  range->version++;
}

// Whether the address is in the range. If another thread is changing the range, this thread cannot
// be accessing the range.
bool Covers(const Range& range, uintptr_t address) {
  const uint32_t version = range.version;
  const bool inside = range.start <= address && address < range.end;
  return version % 2 == 0 && inside && range.version == version;
}

// If the address is in a guarded range, maps a page of ones under the address. Returns false if no
// guarded range contains the address.
bool AbsorbFault(uintptr_t address) {
  for (Range* range = ranges; range != nullptr; range = range->next) {
    if (!Covers(*range, address)) continue;
    const uintptr_t size = range->page;
    void* page = reinterpret_cast<void*>(address & ~(size - 1));
    constexpr int kFlags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
    if (mmap(page, size, PROT_READ | PROT_WRITE, kFlags, -1, 0) == MAP_FAILED) return false;
    std::memset(page, 0xFF, size);
    range->lost = 1;
    return true;
  }
  return false;
}

// Calls the previous handler, or performs the default action.
void CallPrevious(int number, siginfo_t* info, void* context) {
  const bool standard = (previous.sa_flags & SA_SIGINFO) == 0 &&
                        (previous.sa_handler == SIG_DFL || previous.sa_handler == SIG_IGN);
  // SIG_IGN ignores a signal that a process sent (si_code <= 0). A fault cannot be ignored.
  if (standard && previous.sa_handler == SIG_IGN && info->si_code <= 0) return;
  if (standard || (previous.sa_flags & SA_RESETHAND) != 0) {
    struct sigaction action = {};
    action.sa_handler = SIG_DFL;
    sigaction(number, &action, nullptr);
  }
  if (standard) {
    // The signal is pending until our handler returns. The signal then ends the process at the
    // faulting instruction. The core dump is the same as without our handler.
    syscall(SYS_rt_tgsigqueueinfo, getpid(), syscall(SYS_gettid), number, info);
  } else if ((previous.sa_flags & SA_SIGINFO) != 0) {
    previous.sa_sigaction(number, info, context);
  } else {
    previous.sa_handler(number);
  }
}

void OnBusError(int number, siginfo_t* info, void* context) {
  const int error = errno;
  // arm64 uses BUS_OBJERR for an error that the bus reports.
  const bool access = info->si_code == BUS_ADRERR || info->si_code == BUS_OBJERR;
  const bool absorbed = access && AbsorbFault(reinterpret_cast<uintptr_t>(info->si_addr));
  if (!absorbed) CallPrevious(number, info, context);
  errno = error;
}

void InstallHandler() {
  installed = true;
  sigaction(SIGBUS, nullptr, &previous);
  struct sigaction action = {};
  action.sa_sigaction = OnBusError;
  action.sa_mask = previous.sa_mask;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | (previous.sa_flags & (SA_RESTART | SA_NODEFER));
  sigaction(SIGBUS, &action, nullptr);
}

std::mutex ranges_mutex;

}  // namespace

Guard::Guard(const void* address, size_t length, size_t page) {
  const auto start = reinterpret_cast<uintptr_t>(address);
  if (page == 0) page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const std::lock_guard<std::mutex> lock(ranges_mutex);
  if (!installed) InstallHandler();
  for (range_ = ranges; range_ != nullptr; range_ = range_->next) {
    if (range_->end == 0) break;
  }
  const bool added = range_ == nullptr;
  if (added) {
    range_ = new Range;
    range_->next = ranges;
  }
  range_->lost = 0;
  SetBounds(range_, start, start + length, page);
  if (added) ranges = range_;
}

Guard::~Guard() {
  const std::lock_guard<std::mutex> lock(ranges_mutex);
  SetBounds(range_, 0, 0, 0);
}

std::atomic<uint32_t>& Guard::lost() const { return range_->lost; }

}  // namespace vfio::core
