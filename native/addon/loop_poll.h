#ifndef VFIO_ADDON_LOOP_POLL_H_
#define VFIO_ADDON_LOOP_POLL_H_

#include <napi.h>
#include <uv.h>

namespace vfio::addon {

// A file watched by the event loop of an environment.
//
// libuv still uses the handle after Close() has returned. Without an asynchronous clean-up hook,
// Node unloads the addon of a worker before libuv has closed the handles of the worker. The watch
// therefore keeps itself alive, from Open() until libuv has closed the handle.
class LoopPoll {
 public:
  class Owner {
   public:
    // Called when the file is ready for one of the events that Start() selected.
    virtual void OnReady() = 0;
    // Called at the end of the environment. The owner must close its watch.
    virtual void OnTeardown() = 0;

   protected:
    ~Owner() = default;
  };

  // Creates a watch. The new watch is stopped and does not keep the event loop alive. Returns 0 or
  // a negative errno.
  static int Open(Napi::Env env, int fd, Owner* owner, LoopPoll** poll);
  LoopPoll(const LoopPoll&) = delete;
  LoopPoll& operator=(const LoopPoll&) = delete;

  // Starts the watch, or changes its events: UV_READABLE, UV_WRITABLE or both.
  int Start(int events);
  void Stop() { uv_poll_stop(&poll_); }
  void Ref() { uv_ref(handle()); }
  void Unref() { uv_unref(handle()); }
  // Closes the watch. When Close() returns, the caller is allowed to close the file and delete the
  // owner.
  void Close();

 private:
  LoopPoll() = default;
  uv_handle_t* handle() { return reinterpret_cast<uv_handle_t*>(&poll_); }

  uv_poll_t poll_;
  Owner* owner_ = nullptr;
  napi_async_cleanup_hook_handle hook_ = nullptr;
};

}  // namespace vfio::addon

#endif  // VFIO_ADDON_LOOP_POLL_H_
