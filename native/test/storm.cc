// A fake device with many vectors. The device's threads signal the vectors at full speed or after
// random gaps. The device owns a reference to each bound eventfd, as the kernel does. The device
// never signals an unbound vector, and never writes to a reused file descriptor number.

#include <node_api.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

struct Vector {
  std::mutex lock;
  int eventfd = -1;
};

struct Storm {
  std::unique_ptr<Vector[]> vectors;
  uint32_t count = 0;
  // For each vector, the number of signals since the vector was bound. JavaScript reads these
  // numbers.
  std::atomic<uint32_t>* signals = nullptr;
  std::atomic<int64_t> left{0};
  std::vector<std::thread> threads;
};

Storm storm;

bool Signal(uint32_t number) {
  Vector& vector = storm.vectors[number];
  const std::lock_guard<std::mutex> guard(vector.lock);
  if (vector.eventfd < 0) return false;
  // The count is increased before the signal, so the receiver never reads a count that is too low.
  storm.signals[number].fetch_add(1);
  const uint64_t one = 1;
  return write(vector.eventfd, &one, sizeof(one)) == sizeof(one);
}

// Signals random vectors. One signal in eight is followed by a gap of up to 60 us.
void Run(uint32_t seed) {
  std::mt19937 random(seed);
  while (storm.left.load() > 0) {
    if (Signal(random() % storm.count)) storm.left--;
    if (random() % 8 != 0) continue;
    const auto until = Clock::now() + std::chrono::nanoseconds(random() % 60'000);
    while (Clock::now() < until) {
    }
  }
}

struct Arguments {
  Arguments(napi_env env, napi_callback_info info) : env(env) {
    size_t count = 4;
    napi_get_cb_info(env, info, &count, values, nullptr, nullptr);
  }
  int64_t Integer(size_t position) const {
    int64_t number = 0;
    napi_get_value_int64(env, values[position], &number);
    return number;
  }
  napi_env env;
  napi_value values[4];
};

// prepare(signals: Uint32Array): makes the device, with one vector for each element.
napi_value Prepare(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info);
  size_t length = 0;
  void* data = nullptr;
  napi_get_typedarray_info(env, arguments.values[0], nullptr, &length, &data, nullptr, nullptr);
  storm.vectors = std::make_unique<Vector[]>(length);
  storm.count = static_cast<uint32_t>(length);
  storm.signals = static_cast<std::atomic<uint32_t>*>(data);
  return nullptr;
}

// bind(vector, eventfd): binds the vector and resets its count. An eventfd of -1 unbinds the
// vector.
napi_value Bind(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info);
  const auto number = arguments.Integer(0);
  const auto eventfd = static_cast<int>(arguments.Integer(1));
  Vector& vector = storm.vectors[number];
  const std::lock_guard<std::mutex> guard(vector.lock);
  if (vector.eventfd >= 0) close(vector.eventfd);
  vector.eventfd = eventfd < 0 ? -1 : dup(eventfd);
  storm.signals[number] = 0;
  return nullptr;
}

// start(signals, threads, seed): starts `threads` threads, which send `signals` signals in total.
napi_value Start(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info);
  storm.left = arguments.Integer(0);
  for (int64_t i = 0; i < arguments.Integer(1); i++) {
    storm.threads.emplace_back(Run, static_cast<uint32_t>(arguments.Integer(2) + i));
  }
  return nullptr;
}

// left(): returns the number of signals still to be sent.
napi_value Left(napi_env env, napi_callback_info) {
  napi_value result;
  napi_create_int64(env, storm.left.load(), &result);
  return result;
}

// join(): waits until the last thread has ended.
napi_value Join(napi_env, napi_callback_info) {
  for (std::thread& thread : storm.threads) thread.join();
  storm.threads.clear();
  return nullptr;
}

void Export(napi_env env, napi_value exports, const char* name, napi_callback callback) {
  napi_value function;
  napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, nullptr, &function);
  napi_set_named_property(env, exports, name, function);
}

}  // namespace

NAPI_MODULE_INIT() {
  Export(env, exports, "prepare", Prepare);
  Export(env, exports, "bind", Bind);
  Export(env, exports, "start", Start);
  Export(env, exports, "left", Left);
  Export(env, exports, "join", Join);
  return exports;
}
