#pragma once
// The shards that a job has put on stores: records where they are, and reads them back.

#include <string>
#include <vector>

#include "modelfloat/engine/upkeep/repair_context.h"
#include "modelfloat/transfer/ask/copy_check.h"
#include "modelfloat/transfer/packs/delivery.h"

namespace modelfloat::engine {

// Used by one thread. All methods throw what the registry throws.
class NewCopies {
 public:
  NewCopies(const RepairContext& context, CallOptions call) : context_(context), call_(std::move(call)) {}

  // Records a shard of this pack that was delivered. Reads back what was added before when that is
  // much.
  void add(const Pack& pack, const transfer::ShardPlace& place);
  // Reads back all copies for which the store showed no checksum. Throws Error{cancelled} and
  // Error{timed_out} as `call` says.
  void read_back();

  // Those that the stores did not give back, in whole sentences.
  const std::vector<std::string>& failures() const noexcept { return failures_; }

 private:
  const RepairContext context_;
  const CallOptions call_;
  std::vector<transfer::CopyToCheck> unproven_;  // not read back yet
  std::uint64_t unproven_bytes_ = 0;
  std::vector<registry::CopyProof> proofs_;  // not recorded yet
  std::vector<std::string> failures_;
};

}  // namespace modelfloat::engine
