#ifndef VFIO_ADDON_EXPOSED_H_
#define VFIO_ADDON_EXPOSED_H_

#include <napi.h>

#include <memory>

#include "../core/mapping.h"

namespace vfio::addon {

// Mappings that JavaScript sees by an external ArrayBuffer. The buffer is one owner: its contents
// can move to another ArrayBuffer (transfer, Node 22), and whoever sees them must go on seeing
// memory. Only its finalizer knows that nobody does.
using SharedMapping = std::shared_ptr<core::Mapping>;

Napi::Value Expose(Napi::Env env, const SharedMapping& mapping, size_t size);

// Detaches the buffer of a mapping; a TypeError if it is that of another. False if it was
// detached before, so that somebody else may see the memory.
bool Conceal(const Napi::ArrayBuffer& buffer, const core::Mapping& mapping);

}  // namespace vfio::addon

#endif  // VFIO_ADDON_EXPOSED_H_
