#include "environment.h"
#include "event_set.h"
#include "handle.h"
#include "values.h"

namespace vfio::addon {
namespace {

// Returns the typed array at a position. Refuses a typed array on a SharedArrayBuffer.
Napi::TypedArray TypedArrayAt(const Napi::CallbackInfo& info, size_t position,
                              napi_typedarray_type type, const char* expected) {
  const Napi::Value value = info[position];
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != type ||
      !value.As<Napi::TypedArray>().ArrayBuffer().IsArrayBuffer()) {
    Arguments(info).Refuse(position, expected);
  }
  return value.As<Napi::TypedArray>();
}

Napi::Value EventSetCreate(const Napi::CallbackInfo& info) {
  const Napi::TypedArray fired = TypedArrayAt(info, 0, napi_uint32_array, "a Uint32Array");
  const Napi::TypedArray counts = TypedArrayAt(info, 1, napi_biguint64_array, "a BigUint64Array");
  if (counts.ElementLength() != fired.ElementLength()) {
    Arguments(info).Refuse(1, "as long as argument 1");
  }
  std::unique_ptr<core::EventSet> set;
  const auto capacity = static_cast<uint32_t>(fired.ElementLength());
  Check(info.Env(), core::EventSet::Create(capacity, &set), "epoll_create1");
  return NewHandle(info.Env(), std::make_shared<EventSet>(std::move(set), fired, counts));
}

uint32_t SlotArgument(const Napi::CallbackInfo& info, const core::EventSet& set) {
  const uint32_t slot = Arguments(info).Uint32(1);
  if (slot >= set.capacity()) {
    throw Napi::RangeError::New(info.Env(), "slot " + std::to_string(slot) +
                                                " does not exist: the event set has " +
                                                std::to_string(set.capacity()) + " slots");
  }
  return slot;
}

void EventSetAdd(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  core::EventSet& set = HandleAt<EventSet>(info, 0)->set();
  const uint32_t slot = SlotArgument(info, set);
  const bool counted = arguments.Boolean(3);
  const int result = set.Add(slot, arguments.SharedFd(2, "epoll_ctl"), counted);
  Check(info.Env(), result, "epoll_ctl");
}

void EventSetObserve(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  core::EventSet& set = HandleAt<EventSet>(info, 0)->set();
  const uint32_t slot = SlotArgument(info, set);
  Check(info.Env(), set.Observe(slot, arguments.SharedFd(2, "epoll_ctl")), "epoll_ctl");
}

void EventSetRemove(const Napi::CallbackInfo& info) {
  core::EventSet& set = HandleAt<EventSet>(info, 0)->set();
  set.Remove(SlotArgument(info, set));
}

void EventSetServe(const Napi::CallbackInfo& info) {
  HandleAt<EventSet>(info, 0)->Serve(Arguments(info).Function(1));
}

// Whether worker.terminate() was called. terminate() does not interrupt native code, but makes
// every script fail.
bool IsTerminated(Napi::Env env) {
  napi_value empty = nullptr;
  napi_value ignored = nullptr;
  return napi_create_string_utf8(env, "", 0, &empty) != napi_ok ||
         napi_run_script(env, empty, &ignored) != napi_ok;
}

using WaitMethod = int (core::EventSet::*)(int64_t, const core::EventSet::Wake&,
                                           const std::function<bool()>&);

// The limits of wait() and spin(). In nanoseconds, each limit fits into 64 bits.
constexpr int64_t kMaxWaitMilliseconds = INT32_MAX;
constexpr int64_t kMaxSpinMicroseconds = (int64_t{1} << 53) - 1;

template <WaitMethod wait, int64_t max_time>
Napi::Value EventSetWait(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const int64_t time = Arguments(info).Integer(1, -1, max_time);
  const auto set = HandleAt<EventSet>(info, 0);
  const auto wake = set->WakeByHand();
  const int fired = (set->set().*wait)(time, wake, [env] {
    const Napi::HandleScope scope(env);
    return IsTerminated(env);
  });
  return Number(env, Check(env, fired, "epoll_wait"));
}

template <void (EventSet::*method)()>
void CallMethod(const Napi::CallbackInfo& info) {
  const auto set = HandleAt<EventSet>(info, 0);
  set->set();
  (*set.*method)();
}

void EventSetClose(const Napi::CallbackInfo& info) { HandleAt<EventSet>(info, 0)->Close(); }

}  // namespace

void ExportEventSet(Napi::Object exports) {
  Export<EventSetCreate>(exports, "eventSetCreate");
  Export<EventSetAdd>(exports, "eventSetAdd");
  Export<EventSetObserve>(exports, "eventSetObserve");
  Export<EventSetRemove>(exports, "eventSetRemove");
  Export<EventSetServe>(exports, "eventSetServe");
  Export<CallMethod<&EventSet::Pause>>(exports, "eventSetPause");
  Export<EventSetWait<&core::EventSet::Wait, kMaxWaitMilliseconds>>(exports, "eventSetWait");
  Export<EventSetWait<&core::EventSet::Spin, kMaxSpinMicroseconds>>(exports, "eventSetSpin");
  Export<CallMethod<&EventSet::Ref>>(exports, "eventSetRef");
  Export<CallMethod<&EventSet::Unref>>(exports, "eventSetUnref");
  Export<EventSetClose>(exports, "eventSetClose");
}

}  // namespace vfio::addon
