#ifndef VFIO_ADDON_EVENT_SET_H_
#define VFIO_ADDON_EVENT_SET_H_

#include <napi.h>

#include <memory>

#include "../core/event_set.h"
#include "loop_callback.h"
#include "loop_poll.h"

namespace vfio::addon {

// The event set that watches all eventfds of a device. Each wake of the event loop makes one call
// into JavaScript.
class EventSet final : public std::enable_shared_from_this<EventSet>, private LoopPoll::Owner {
 public:
  static constexpr napi_type_tag kTag = {0x31b9e6f80d7c4e5a, 0xb8c2405f93a17d6e};
  static constexpr const char* kName = "an event set handle";

  EventSet(std::unique_ptr<core::EventSet> set, Napi::TypedArray fired, Napi::TypedArray counts);
  ~EventSet() { CloseSet(); }

  // The watched eventfds. Throws a TypeError after Close().
  core::EventSet& set() const;
  // Returns the output arrays for wait() and spin(). Throws a TypeError if the arrays are detached.
  // While the event loop serves the event set, throws a TypeError, because the wait would consume
  // interrupts of the event loop.
  core::EventSet::Wake WakeByHand() const;

  // Calls `on_fired` at each wake of the event loop. The argument is the number of slots that have
  // fired.
  void Serve(Napi::Function on_fired);
  void Pause();
  // Ref() and Unref() have an effect only while the event loop serves the event set.
  void Ref();
  void Unref();
  void Close();

 private:
  // The memory of a typed array. JavaScript can detach the ArrayBuffer at any time, so Data() gets
  // the address again at each wake. Data() asks the ArrayBuffer for the address, because a typed
  // array would take four times as long.
  struct ArrayMemory {
    explicit ArrayMemory(Napi::TypedArray array);
    template <class Element>
    Element* Data(size_t length) const;

    Napi::Reference<Napi::ArrayBuffer> buffer;
    size_t offset;
  };

  void OnReady() override;
  void OnTeardown() override { CloseSet(); }
  // Closes the event set, but does not reset its references to JavaScript objects, because a reset
  // of a reference can throw.
  void CloseSet();
  core::EventSet::Wake Arrays() const;

  Napi::Env env_;
  std::unique_ptr<core::EventSet> set_;
  ArrayMemory fired_;
  ArrayMemory counts_;
  // OnReady() keeps a reference during the call, because the callback can close the event set.
  std::shared_ptr<LoopCallback> receiver_;
  LoopPoll* poll_ = nullptr;
};

}  // namespace vfio::addon

#endif  // VFIO_ADDON_EVENT_SET_H_
