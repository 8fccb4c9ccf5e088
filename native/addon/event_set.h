#ifndef VFIO_ADDON_EVENT_SET_H_
#define VFIO_ADDON_EVENT_SET_H_

#include <napi.h>

#include <memory>

#include "../core/event_set.h"
#include "loop_poll.h"

namespace vfio::addon {

// The event set of a device, delivered to JavaScript: one wake, one call.
class EventSet final : public std::enable_shared_from_this<EventSet>, private LoopPoll::Owner {
 public:
  static constexpr napi_type_tag kTag = {0x31b9e6f80d7c4e5a, 0xb8c2405f93a17d6e};
  static constexpr const char* kName = "an event set handle";

  EventSet(std::unique_ptr<core::EventSet> set, Napi::TypedArray fired, Napi::TypedArray counts);
  ~EventSet() { Shut(); }

  // The watched eventfds; a TypeError once it is closed.
  core::EventSet& set() const;
  // Where wakes are written. A TypeError if the arrays were detached, or if the loop serves the
  // set: it would take what it is to deliver from it.
  core::EventSet::Wake WakeByHand() const;

  void Serve(Napi::Function on_fired);
  void Pause();
  // Of no effect unless it is served.
  void Ref();
  void Unref();
  void Close();

 private:
  // What a delivery needs. Shared with the delivery under way, which may close the set.
  struct Receiver {
    Napi::FunctionReference on_fired;
    Napi::AsyncContext context;
  };

  // The memory of a typed array. Its buffer is what is held, and asked for every time, since
  // JavaScript can detach it; asking the array itself takes four times as long.
  struct Array {
    explicit Array(Napi::TypedArray array);
    template <class Element>
    Element* Data(size_t length) const;

    Napi::Reference<Napi::ArrayBuffer> buffer;
    size_t offset;
  };

  void OnReadable() override;
  void OnTeardown() override { Shut(); }
  // Closes all but the references, which may throw.
  void Shut();
  core::EventSet::Wake Arrays() const;

  Napi::Env env_;
  std::unique_ptr<core::EventSet> set_;
  Array fired_;
  Array counts_;
  std::shared_ptr<Receiver> receiver_;
  LoopPoll* poll_ = nullptr;
};

}  // namespace vfio::addon

#endif  // VFIO_ADDON_EVENT_SET_H_
