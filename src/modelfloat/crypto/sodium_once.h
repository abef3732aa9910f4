#pragma once
// libsodium must be initialised before most of its functions are used.

namespace modelfloat::crypto {

// Initialises libsodium. May be called from any thread, and any number of times. Throws
// Error{internal} when the system has no usable randomness.
void start_sodium();

}  // namespace modelfloat::crypto
