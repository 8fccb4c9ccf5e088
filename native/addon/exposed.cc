#include "exposed.h"

namespace vfio::addon {

Napi::Value Expose(Napi::Env env, const SharedMapping& mapping, size_t size) {
  auto* owner = new SharedMapping(mapping);
  const auto finalize = [](napi_env, void*, void* hint) {
    delete static_cast<SharedMapping*>(hint);
  };
  napi_value buffer = nullptr;
  const napi_status status =
      napi_create_external_arraybuffer(env, mapping->address(), size, finalize, owner, &buffer);
  // A size it refuses (above 4 GiB on Node 20) has Node finalize at once, this refusal has not.
  if (status == napi_no_external_buffers_allowed) delete owner;
  if (status != napi_ok) throw Napi::Error::New(env);
  return {env, buffer};
}

bool Conceal(const Napi::ArrayBuffer& buffer, const core::Mapping& mapping) {
  Napi::ArrayBuffer own = buffer;
  if (own.IsDetached()) return false;
  if (own.Data() != mapping.address()) {
    throw Napi::TypeError::New(buffer.Env(), "the ArrayBuffer is not that of the handle");
  }
  own.Detach();
  return true;
}

}  // namespace vfio::addon
