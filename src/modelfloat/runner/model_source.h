#pragma once
// Where the bytes of a model that is to be run come from.

#include <cstdint>
#include <functional>
#include <string>

#include "modelfloat/base/cancel.h"

namespace modelfloat::runner {

// One model file. Implemented above the runner, by pulling from the pool. Used by one call of the
// runner at a time.
class ModelSource {
 public:
  virtual ~ModelSource() = default;
  // For messages and listings: "namespace/name:tag".
  virtual std::string name() const = 0;
  // Differs whenever the bytes differ: a revision id and the path of the file in it.
  virtual std::string identity() const = 0;
  virtual std::uint64_t size_bytes() const = 0;
  // Writes every byte of the file at its offset into `fd`, which has size_bytes() bytes and cannot
  // grow, and only bytes that were checked. pwrite from several threads is fine, but none may write
  // after the return. `progress` is told how many bytes have come so far, from one thread at a
  // time. Throws Error when not every byte can be written; may be called again then.
  virtual void fill(int fd, const std::function<void(std::uint64_t bytes_so_far)>& progress, const CallOptions&) = 0;
};

}  // namespace modelfloat::runner
