#include "exposed.h"

#include <utility>

namespace vfio::addon {

Napi::Value Expose(Napi::Env env, std::shared_ptr<void> owner, void* data, size_t size) {
  auto* reference = new std::shared_ptr<void>(std::move(owner));
  const auto finalize = [](napi_env, void*, void* hint) {
    delete static_cast<std::shared_ptr<void>*>(hint);
  };
  napi_value buffer = nullptr;
  const napi_status status =
      napi_create_external_arraybuffer(env, data, size, finalize, reference, &buffer);
  // If Node refuses the size (above 4 GiB on Node 20), Node runs the finalizer. If Node does not
  // allow external buffers, Node does not run the finalizer.
  if (status == napi_no_external_buffers_allowed) delete reference;
  if (status != napi_ok) throw Napi::Error::New(env);
  return {env, buffer};
}

bool DetachExposed(const Napi::ArrayBuffer& buffer, const void* data) {
  Napi::ArrayBuffer exposed = buffer;
  if (exposed.IsDetached()) return false;
  if (exposed.Data() != data) {
    throw Napi::TypeError::New(buffer.Env(), "the ArrayBuffer does not belong to the handle");
  }
  exposed.Detach();
  return true;
}

}  // namespace vfio::addon
