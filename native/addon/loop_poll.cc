#include "loop_poll.h"

#include <memory>

namespace vfio::addon {

int LoopPoll::Open(Napi::Env env, int fd, Owner* owner, LoopPoll** poll) {
  uv_loop_t* loop = nullptr;
  napi_status status = napi_get_uv_event_loop(env, &loop);
  if (status != napi_ok) throw Napi::Error::New(env);
  std::unique_ptr<LoopPoll> self(new LoopPoll);
  const int result = uv_poll_init(loop, &self->poll_, fd);
  if (result < 0) return result;
  // From here on libuv uses the handle, so only uv_close() is allowed to free the handle.
  LoopPoll* opened = self.release();
  opened->poll_.data = opened;
  opened->Unref();
  const auto teardown = [](napi_async_cleanup_hook_handle, void* data) {
    auto* torn = static_cast<LoopPoll*>(data);
    if (torn->owner_ != nullptr) torn->owner_->OnTeardown();
  };
  status = napi_add_async_cleanup_hook(env, teardown, opened, &opened->hook_);
  if (status != napi_ok) {
    opened->Close();
    throw Napi::Error::New(env);
  }
  opened->owner_ = owner;
  *poll = opened;
  return 0;
}

int LoopPoll::Start(int events) {
  return uv_poll_start(&poll_, events, [](uv_poll_t* poll, int, int) {
    auto* self = static_cast<LoopPoll*>(poll->data);
    if (self->owner_ != nullptr) self->owner_->OnReady();
  });
}

void LoopPoll::Close() {
  owner_ = nullptr;
  // uv_close() also stops the poll. When uv_close() returns, libuv no longer uses the file.
  uv_close(handle(), [](uv_handle_t* handle) {
    std::unique_ptr<LoopPoll> self(static_cast<LoopPoll*>(handle->data));
    if (self->hook_ != nullptr) napi_remove_async_cleanup_hook(self->hook_);
  });
}

}  // namespace vfio::addon
