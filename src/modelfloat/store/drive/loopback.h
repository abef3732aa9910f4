#pragma once
// Waits for the browser to return from a login (RFC 8252, section 7.3).

#include <string>
#include <string_view>

#include "modelfloat/base/cancel.h"
#include "modelfloat/base/file_descriptor.h"

namespace modelfloat::store::drive {

// An HTTP server for one request, on a free port of 127.0.0.1.
class LoopbackListener {
 public:
  // Throws Error{internal} when no port is free.
  LoopbackListener();

  unsigned port() const noexcept { return port_; }
  std::string redirect_uri() const;  // http://127.0.0.1:PORT
  // Waits for the browser and returns the code that it brings. Requests with another `state` are
  // refused and ignored. Throws Error{denied} when the user refused, and Error{cancelled} or
  // Error{timed_out} as `options` say.
  std::string wait_for_code(std::string_view state, const std::string& where, const CallOptions& options);

 private:
  FileDescriptor socket_;
  unsigned port_ = 0;
};

}  // namespace modelfloat::store::drive
