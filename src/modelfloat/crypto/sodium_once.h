#pragma once
// libsodium wants to be started before most of its functions are used.

namespace modelfloat::crypto {

// Starts libsodium; any thread, any number of times. Throws Error{internal} when the system has no
// usable randomness.
void start_sodium();

}  // namespace modelfloat::crypto
