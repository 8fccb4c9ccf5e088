#ifndef VFIO_ADDON_HANDLE_H_
#define VFIO_ADDON_HANDLE_H_

#include <napi.h>

#include <memory>
#include <utility>

#include "arguments.h"

namespace vfio::addon {

// An object that JavaScript only holds: an external value with the type tag `Object::kTag`, so
// that nothing else can be taken for it. Its finalizer is a net for what was not released.
template <class Object>
Napi::Value NewHandle(Napi::Env env, std::shared_ptr<Object> object) {
  using Held = std::shared_ptr<Object>;
  auto held = std::make_unique<Held>(std::move(object));
  auto handle = Napi::External<Held>::New(env, held.get(),
                                          [](Napi::Env, Held* finalized) { delete finalized; });
  static_cast<void>(held.release());
  handle.TypeTag(&Object::kTag);
  return handle;
}

template <class Object>
std::shared_ptr<Object> HandleAt(const Napi::CallbackInfo& info, size_t position) {
  const Napi::Value value = info[position];
  using Held = std::shared_ptr<Object>;
  if (!value.IsExternal() || !value.As<Napi::External<Held>>().CheckTypeTag(&Object::kTag)) {
    Arguments(info).Refuse(position, Object::kName);
  }
  return *value.As<Napi::External<Held>>().Data();
}

}  // namespace vfio::addon

#endif  // VFIO_ADDON_HANDLE_H_
