#ifndef VFIO_ADDON_EXPOSED_H_
#define VFIO_ADDON_EXPOSED_H_

#include <napi.h>

#include <cstddef>
#include <memory>

namespace vfio::addon {

// Memory that JavaScript sees by an external ArrayBuffer. The buffer is one owner: its contents
// can move to another ArrayBuffer (transfer, Node 22), and whoever sees them must go on seeing
// memory. Only its finalizer knows that nobody does.
Napi::Value Expose(Napi::Env env, std::shared_ptr<void> owner, void* data, size_t size);

// Detaches the buffer of `data`; a TypeError if it is that of another. False if it was detached
// before, so that somebody else may see the memory.
bool Conceal(const Napi::ArrayBuffer& buffer, const void* data);

}  // namespace vfio::addon

#endif  // VFIO_ADDON_EXPOSED_H_
