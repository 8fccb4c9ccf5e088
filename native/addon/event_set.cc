#include "event_set.h"

#include "environment.h"

namespace vfio::addon {
EventSet::EventSet(std::unique_ptr<core::EventSet> set, Napi::TypedArray fired,
                   Napi::TypedArray counts)
    : env_(fired.Env()), set_(std::move(set)), fired_(fired), counts_(counts) {}

EventSet::ArrayMemory::ArrayMemory(Napi::TypedArray array)
    : buffer(Napi::Persistent(array.ArrayBuffer())), offset(array.ByteOffset()) {}

template <class Element>
Element* EventSet::ArrayMemory::Data(size_t length) const {
  Napi::ArrayBuffer bytes = buffer.Value();
  if (bytes.ByteLength() < offset + length * sizeof(Element)) {
    throw Napi::TypeError::New(buffer.Env(), "the arrays of the event set are detached");
  }
  return reinterpret_cast<Element*>(static_cast<uint8_t*>(bytes.Data()) + offset);
}

core::EventSet& EventSet::set() const {
  if (!set_) throw Napi::TypeError::New(env_, "the event set is closed");
  return *set_;
}

core::EventSet::Wake EventSet::Arrays() const {
  return {fired_.Data<uint32_t>(set_->capacity()), counts_.Data<uint64_t>(set_->capacity())};
}

core::EventSet::Wake EventSet::WakeByHand() const {
  set();
  if (receiver_) {
    throw Napi::TypeError::New(env_, "the event loop serves this event set: pause it first");
  }
  return Arrays();
}

void EventSet::Serve(Napi::Function on_fired) {
  set();
  Pause();
  if (poll_ == nullptr) {
    Check(env_, LoopPoll::Open(env_, set_->epoll(), this, &poll_), "uv_poll_init");
  }
  auto receiver = std::make_shared<LoopCallback>(on_fired);
  Check(env_, poll_->Start(UV_READABLE), "uv_poll_start");
  receiver_ = std::move(receiver);
}

void EventSet::Pause() {
  if (!receiver_) return;
  poll_->Stop();
  poll_->Unref();
  receiver_.reset();
}

void EventSet::Ref() {
  if (receiver_) poll_->Ref();
}

void EventSet::Unref() {
  if (receiver_) poll_->Unref();
}

void EventSet::Close() {
  CloseSet();
  fired_.buffer.Reset();
  counts_.buffer.Reset();
}

void EventSet::CloseSet() {
  if (!set_) return;
  Pause();
  // libuv must stop polling the epoll file before set_.reset() closes the file.
  if (poll_ != nullptr) poll_->Close();
  poll_ = nullptr;
  set_.reset();
}

void EventSet::OnReady() {
  const Napi::HandleScope scope(env_);
  // During the call, the callback can close the event set and drop the last reference to this
  // object.
  const std::shared_ptr<EventSet> self = shared_from_this();
  const std::shared_ptr<LoopCallback> receiver = receiver_;
  try {
    const int fired = Check(env_, set_->Collect(Arrays()), "epoll_wait");
    if (fired > 0) receiver->Call({Napi::Number::New(env_, fired)});
  } catch (const Napi::Error& error) {
    error.ThrowAsJavaScriptException();
  }
  LoopCallback::ReportException(env_);
}

}  // namespace vfio::addon
