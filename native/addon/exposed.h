#ifndef VFIO_ADDON_EXPOSED_H_
#define VFIO_ADDON_EXPOSED_H_

#include <napi.h>

#include <cstddef>
#include <memory>

namespace vfio::addon {

// Creates an external ArrayBuffer that shows memory. The ArrayBuffer references `owner` until the
// finalizer runs. JavaScript can move the contents to another ArrayBuffer (transfer(), Node 22).
// Only the finalizer proves that no ArrayBuffer shows the memory.
Napi::Value Expose(Napi::Env env, std::shared_ptr<void> owner, void* data, size_t size);

// Detaches the ArrayBuffer that shows `data`. Throws a TypeError if the ArrayBuffer shows other
// memory. If the ArrayBuffer was already detached, returns false, because another ArrayBuffer can
// still show the memory.
bool DetachExposed(const Napi::ArrayBuffer& buffer, const void* data);

}  // namespace vfio::addon

#endif  // VFIO_ADDON_EXPOSED_H_
