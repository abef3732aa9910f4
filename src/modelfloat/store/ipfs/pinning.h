#pragma once
// A pinning service, which keeps copies of what an IPFS node has (IPFS Pinning Service API, version
// 1).

#include <string>
#include <vector>

#include "modelfloat/base/clock.h"
#include "modelfloat/crypto/secret.h"
#include "modelfloat/store/http/http_client.h"
#include "modelfloat/store/http/url.h"
#include "modelfloat/store/ipfs/cid.h"

namespace modelfloat::store::ipfs {

// Any thread may call any method. Throws like HttpClient::send(), and http::status_error() for
// other answers.
class PinningService {
 public:
  // Requests go to `root`/pins.
  PinningService(std::string root, crypto::SecretBytes bearer, const Clock& clock);

  // Asks the service to keep the CID under this name. Does nothing new when it was asked before.
  // The service fetches the content from the node later.
  void pin(const Cid&, const std::string& name, const CallOptions&);
  // Withdraws all requests with this name.
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
