#ifndef VFIO_BENCH_BENCH_H_
#define VFIO_BENCH_BENCH_H_

#include <napi.h>
#include <time.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

// The C++ code of the benchmarks. The package does not include this code. Each function does the
// same work as a function of the library, in the style of a plain C program. Each function runs in
// the same process and in the same benchmark round as the library, and returns the nanoseconds per
// operation.
namespace vfio::bench {

inline double Nanoseconds(clockid_t clock) {
  timespec time;
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

inline double Now() { return Nanoseconds(CLOCK_MONOTONIC); }

// CPU time of this thread in nanoseconds. The time of other threads is not included.
inline double ThreadTime() { return Nanoseconds(CLOCK_THREAD_CPUTIME_ID); }

// Runs `work` and returns its CPU time divided by `operations`, in nanoseconds.
template <class Work>
Napi::Value Timed(Napi::Env env, uint32_t operations, Work work) {
  const double start = ThreadTime();
  work();
  return Napi::Number::New(env, (ThreadTime() - start) / operations);
}

inline void Check(Napi::Env env, bool succeeded, const char* what) {
  if (!succeeded) {
    throw Napi::Error::New(env, std::string(what) + ": " + std::strerror(errno));
  }
}

inline uint32_t Count(const Napi::CallbackInfo& info, size_t position) {
  return info[position].As<Napi::Number>().Uint32Value();
}

inline int Fd(const Napi::CallbackInfo& info, size_t position) {
  return info[position].As<Napi::Number>().Int32Value();
}

// Whether a thread signals, so that latencies are measured.
bool IsLatencyMeasured();
// Records the latency of the signal that arrived. Returns false if the signal was the last signal.
bool SignalReceived();

void ExportRegisters(Napi::Env env, Napi::Object exports);
void ExportFiles(Napi::Env env, Napi::Object exports);
void ExportRounds(Napi::Env env, Napi::Object exports);
void ExportLatency(Napi::Env env, Napi::Object exports);
void ExportMemory(Napi::Env env, Napi::Object exports);
void ExportLoop(Napi::Env env, Napi::Object exports);

}  // namespace vfio::bench

#endif  // VFIO_BENCH_BENCH_H_
