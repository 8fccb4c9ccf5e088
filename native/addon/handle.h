#ifndef VFIO_ADDON_HANDLE_H_
#define VFIO_ADDON_HANDLE_H_

#include <napi.h>

#include <memory>
#include <utility>

#include "arguments.h"

namespace vfio::addon {

// Creates an opaque handle for JavaScript. The handle is an external value with the type tag
// `Object::kTag`. HandleAt() checks the type tag. If JavaScript did not release the object, the
// finalizer of the handle releases the object.
template <class Object>
Napi::Value NewHandle(Napi::Env env, std::shared_ptr<Object> object) {
  using Reference = std::shared_ptr<Object>;
  auto reference = std::make_unique<Reference>(std::move(object));
  auto handle = Napi::External<Reference>::New(
      env, reference.get(), [](Napi::Env, Reference* finalized) { delete finalized; });
  static_cast<void>(reference.release());
  handle.TypeTag(&Object::kTag);
  return handle;
}

// Returns the object of the handle at a position. Throws a TypeError if the argument is not a
// handle of this type.
template <class Object>
std::shared_ptr<Object> HandleAt(const Napi::CallbackInfo& info, size_t position) {
  const Napi::Value value = info[position];
  using Reference = std::shared_ptr<Object>;
  if (!value.IsExternal() || !value.As<Napi::External<Reference>>().CheckTypeTag(&Object::kTag)) {
    Arguments(info).Refuse(position, Object::kName);
  }
  return *value.As<Napi::External<Reference>>().Data();
}

}  // namespace vfio::addon

#endif  // VFIO_ADDON_HANDLE_H_
