#ifndef VFIO_ADDON_VALUES_H_
#define VFIO_ADDON_VALUES_H_

#include <napi.h>

#include <cstdint>
#include <vector>

namespace vfio::addon {

inline Napi::Value Number(Napi::Env env, double number) { return Napi::Number::New(env, number); }

inline Napi::Value BigInt(Napi::Env env, uint64_t number) { return Napi::BigInt::New(env, number); }

inline Napi::Array BigInts(Napi::Env env, const std::vector<uint64_t>& numbers) {
  Napi::Array array = Napi::Array::New(env, numbers.size());
  for (uint32_t i = 0; i < numbers.size(); i++) array.Set(i, BigInt(env, numbers[i]));
  return array;
}

}  // namespace vfio::addon

#endif  // VFIO_ADDON_VALUES_H_
