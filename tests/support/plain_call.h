#pragma once
// What most calls of a store in a test are made with: no deadline, the whole object.

#include "modelfloat/store/store.h"

namespace modelfloat::test {

inline const CallOptions k_no_deadline;
inline constexpr ByteRange k_all;

}  // namespace modelfloat::test
