#pragma once
// A service that keeps copies of what an IPFS node has (the IPFS Pinning Service API, version 1).

#include <string>
#include <vector>

#include "modelfloat/base/clock.h"
#include "modelfloat/crypto/secret.h"
#include "modelfloat/store/http/http_client.h"
#include "modelfloat/store/http/url.h"
#include "modelfloat/store/ipfs/cid.h"

namespace modelfloat::store::ipfs {

// Shared by all threads. Errors as http::status_error and HttpClient have them.
class PinningService {
 public:
  // Requests go to `root`/pins.
  PinningService(std::string root, crypto::SecretBytes bearer, const Clock& clock);

  // Asks for the CID to be kept under this name; fine when it was asked before. The service fetches
  // it from the node in its own time.
  void pin(const Cid&, const std::string& name, const CallOptions&);
  // Takes back all that was asked for under this name.
  void unpin(const std::string& name, const CallOptions&);

 private:
  http::Response send(http::Request request, std::string_view what, const CallOptions&);
  std::vector<std::string> requests(http::Fields query, const std::string& name, const CallOptions&);

  const std::string root_;
  const crypto::SecretBytes bearer_;
  const Clock& clock_;
  http::HttpClient client_;
};

}  // namespace modelfloat::store::ipfs
