#pragma once
// Waits for the browser that comes back from a login (RFC 8252, section 7.3).

#include <string>
#include <string_view>

#include "modelfloat/base/cancel.h"
#include "modelfloat/base/file_descriptor.h"

namespace modelfloat::store::drive {

// A server for one visitor, on a free port of 127.0.0.1.
class LoopbackListener {
 public:
  // Error{internal} when there is no port to be had.
  LoopbackListener();

  unsigned port() const noexcept { return port_; }
  std::string redirect_uri() const;  // http://127.0.0.1:PORT
  // The code that the browser brings. Visitors with another `state` are turned away and do not
  // count. Error{denied} when the person refused; {cancelled} or {timed_out} as `options` say.
  std::string wait_for_code(std::string_view state, const std::string& where, const CallOptions& options);

 private:
  FileDescriptor socket_;
  unsigned port_ = 0;
};

}  // namespace modelfloat::store::drive
