#pragma once
// Limits of providers. They hold whether the provider is reached by our own store or through
// rclone.

#include <cstdint>

#include "modelfloat/store/store.h"

namespace modelfloat::store {

inline StoreTraits limits_of_drive() {
  StoreTraits traits;
  traits.max_object_bytes = std::uint64_t{5} << 40;
  traits.delayed_listing = true;
  traits.calls_per_second = 10;
  traits.daily_upload_bytes = 750'000'000'000;
  traits.daily_download_bytes = 1'000'000'000'000;
  traits.idle_days = 730;
  return traits;
}

inline StoreTraits limits_of_mega() {
  StoreTraits traits;
  traits.downloads_are_scarce = true;
  // MEGA calls a free account "inactive" after three months without a login.
  traits.idle_days = 90;
  return traits;
}

}  // namespace modelfloat::store
