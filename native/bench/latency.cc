#include <pthread.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "bench.h"

namespace vfio::bench {
namespace {

bool Pin(pthread_t thread, int cpu) {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET(cpu, &cpus);
  return pthread_setaffinity_np(thread, sizeof(cpus), &cpus) == 0;
}

// A thread that simulates a device and runs on its own CPU. The thread waits until the last signal
// was received. Then the thread waits for a random time around `gap` nanoseconds and signals one of
// the eventfds.
class Signaller {
 public:
  Signaller(std::vector<int> fds, double gap, uint32_t samples, int cpu)
      : fds_(std::move(fds)), gap_(gap), wanted_(samples), thread_([this] { Run(); }) {
    if (cpu >= 0) Pin(thread_.native_handle(), cpu);
    started_ = true;
  }
  ~Signaller() {
    stop_ = true;
    thread_.join();
  }

  // Records the latency of the signal that arrived. Returns false if the signal was the last
  // signal.
  bool Received() {
    latencies_.push_back(Now() - sent_);
    if (latencies_.size() >= wanted_) return false;
    received_.fetch_add(1, std::memory_order_release);
    return true;
  }
  const std::vector<double>& latencies() const { return latencies_; }

 private:
  void Run() {
    std::minstd_rand random(1);
    while (!started_) {
    }
    for (uint32_t n = 0;; n++) {
      while (received_.load(std::memory_order_acquire) < n) {
        if (stop_) return;
      }
      // The random time makes each signal arrive at a different point of the receiver's loop.
      const double until = Now() + gap_ * (0.75 + 0.5 * (random() % 1000) / 1000);
      while (Now() < until) {
        if (stop_) return;
      }
      const uint64_t one = 1;
      const int fd = fds_[random() % fds_.size()];
      sent_ = Now();
      if (write(fd, &one, sizeof(one)) < 0) return;
    }
  }

  const std::vector<int> fds_;
  const double gap_;
  const uint32_t wanted_;
  std::vector<double> latencies_;
  std::atomic<uint32_t> received_{0};
  std::atomic<double> sent_{0};
  std::atomic<bool> started_{false};
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

// The running signaller. Only one signaller exists, because the benchmarks run in one thread.
std::unique_ptr<Signaller>& Running() {
  static std::unique_ptr<Signaller> running;
  return running;
}

std::vector<int> Fds(const Napi::CallbackInfo& info) {
  auto array = info[0].As<Napi::Int32Array>();
  return {array.Data(), array.Data() + array.ElementLength()};
}

// startSignals(fds, gap, samples, cpu): starts a signaller. `gap` is in nanoseconds. If `cpu` is
// negative, the thread is not pinned.
void Start(const Napi::CallbackInfo& info) {
  Running() = std::make_unique<Signaller>(Fds(info), info[1].As<Napi::Number>().DoubleValue(),
                                          Count(info, 2), Fd(info, 3));
}

// received(): called by the handler of a signal. Returns false if the signal was the last signal.
Napi::Value Received(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), SignalReceived());
}

// stopSignals(): returns the latencies in nanoseconds and ends the signaller.
Napi::Value Stop(const Napi::CallbackInfo& info) {
  const auto& latencies = Running()->latencies();
  auto array = Napi::Float64Array::New(info.Env(), latencies.size());
  std::copy(latencies.begin(), latencies.end(), array.Data());
  Running().reset();
  return array;
}

// receive(fds, gap, samples, cpu, spin): receives the signals in C with a level-triggered epoll
// set, and returns the latencies. If `spin` is true, epoll_wait does not sleep.
Napi::Value Receive(const Napi::CallbackInfo& info) {
  const bool spin = info[4].As<Napi::Boolean>();
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  for (const int fd : Fds(info)) {
    epoll_event event = {};
    event.events = EPOLLIN;
    event.data.fd = fd;
    Check(info.Env(), epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0, "epoll_ctl");
  }
  Start(info);
  Signaller& signaller = *Running();
  for (bool more = true; more;) {
    epoll_event event;
    if (epoll_wait(epoll, &event, 1, spin ? 0 : -1) != 1) continue;
    uint64_t count;
    static_cast<void>(!read(event.data.fd, &count, sizeof(count)));
    more = signaller.Received();
  }
  close(epoll);
  return Stop(info);
}

// pin(cpu): pins the calling thread to the CPU.
void PinThis(const Napi::CallbackInfo& info) {
  Check(info.Env(), Pin(pthread_self(), Fd(info, 0)), "pthread_setaffinity_np");
}

// unpin(cpus): lets the calling thread run on any of the first `cpus` CPUs.
void Unpin(const Napi::CallbackInfo& info) {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  for (uint32_t cpu = 0; cpu < Count(info, 0); cpu++) CPU_SET(cpu, &cpus);
  pthread_setaffinity_np(pthread_self(), sizeof(cpus), &cpus);
}

}  // namespace

bool IsLatencyMeasured() { return Running() != nullptr; }

bool SignalReceived() { return Running()->Received(); }

void ExportLatency(Napi::Env env, Napi::Object exports) {
  exports.Set("startSignals", Napi::Function::New<Start>(env));
  exports.Set("received", Napi::Function::New<Received>(env));
  exports.Set("stopSignals", Napi::Function::New<Stop>(env));
  exports.Set("receive", Napi::Function::New<Receive>(env));
  exports.Set("pin", Napi::Function::New<PinThis>(env));
  exports.Set("unpin", Napi::Function::New<Unpin>(env));
}

}  // namespace vfio::bench
