#include "exposed.h"

#include <utility>

namespace vfio::addon {

Napi::Value Expose(Napi::Env env, std::shared_ptr<void> owner, void* data, size_t size) {
  auto* held = new std::shared_ptr<void>(std::move(owner));
  const auto finalize = [](napi_env, void*, void* hint) {
    delete static_cast<std::shared_ptr<void>*>(hint);
  };
  napi_value buffer = nullptr;
  const napi_status status =
      napi_create_external_arraybuffer(env, data, size, finalize, held, &buffer);
  // A size it refuses (above 4 GiB on Node 20) has Node finalize at once, this refusal has not.
  if (status == napi_no_external_buffers_allowed) delete held;
  if (status != napi_ok) throw Napi::Error::New(env);
  return {env, buffer};
}

bool Conceal(const Napi::ArrayBuffer& buffer, const void* data) {
  Napi::ArrayBuffer own = buffer;
  if (own.IsDetached()) return false;
  if (own.Data() != data) {
    throw Napi::TypeError::New(buffer.Env(), "the ArrayBuffer is not that of the handle");
  }
  own.Detach();
  return true;
}

}  // namespace vfio::addon
