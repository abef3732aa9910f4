#pragma once
// The interface through which the runner gets the bytes of a model.

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
  // Identifies the bytes: a revision id and the path of the file in that revision.
  virtual std::string identity() const = 0;
  virtual std::uint64_t size_bytes() const = 0;
  // Writes every byte of the file at its offset into `fd`, which has size_bytes() bytes and
  // cannot grow. Writes only bytes that were verified. Several threads may write at once, but
  // none after this method has returned. `progress` is called by one thread at a time with the
  // number of bytes so far. Throws Error when not every byte can be written; then it may be
  // called again.
  virtual void fill(int fd, const std::function<void(std::uint64_t bytes_so_far)>& progress, const CallOptions&) = 0;
};

}  // namespace modelfloat::runner
