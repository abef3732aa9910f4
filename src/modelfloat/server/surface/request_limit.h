#pragma once
// How many requests of one kind are answered at once.

#include <atomic>
#include <cstddef>
#include <memory>

#include "modelfloat/server/http/http.h"

namespace modelfloat::server {

// All methods may be called from many threads.
class RequestLimit {
 public:
  explicit RequestLimit(std::size_t places) : places_(places) {}
  bool enter() noexcept {
    if (inside_.fetch_add(1) < places_) return true;
    --inside_;
    return false;
  }
  void leave() noexcept { --inside_; }

 private:
  const std::size_t places_;
  std::atomic<std::size_t> inside_ = 0;
};

// Holds one of the places of a RequestLimit while it lives. The constructor throws HttpError{503}
// when there is no free place.
class RequestSlot {
 public:
  explicit RequestSlot(RequestLimit& limit) : limit_(limit) {
    if (!limit_.enter()) throw HttpError(503, "busy", "too many requests of this kind are being answered");
  }
  ~RequestSlot() { limit_.leave(); }
  RequestSlot(const RequestSlot&) = delete;
  RequestSlot& operator=(const RequestSlot&) = delete;

 private:
  RequestLimit& limit_;
};

// The limits of a server, by kind of work. All addresses for one kind of work share a limit, and
// so do the copies of a route's handler.
struct RequestLimits {
  std::shared_ptr<RequestLimit> uploads;
  std::shared_ptr<RequestLimit> inferences;
  std::shared_ptr<RequestLimit> fragment_maps;
  std::shared_ptr<RequestLimit> event_streams;
};

}  // namespace modelfloat::server
