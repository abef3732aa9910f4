#pragma once

namespace modelfloat {

// Which sanitizers this program is built with. GCC defines macros for them, Clang has
// __has_feature.
#if defined(__has_feature)
inline constexpr bool k_address_sanitizer = __has_feature(address_sanitizer);
inline constexpr bool k_thread_sanitizer = __has_feature(thread_sanitizer);
#else
#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool k_address_sanitizer = true;
#else
inline constexpr bool k_address_sanitizer = false;
#endif
#if defined(__SANITIZE_THREAD__)
inline constexpr bool k_thread_sanitizer = true;
#else
inline constexpr bool k_thread_sanitizer = false;
#endif
#endif

}  // namespace modelfloat
