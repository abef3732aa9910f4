#pragma once
// Decides where the shards of a pack go. Pure functions: they only compute, and any thread may call
// them.

#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "modelfloat/domain/redundancy.h"

namespace modelfloat::placement {

// A store that may take shards.
struct Candidate {
  std::size_t store = 0;                  // the caller's index, returned by place()
  std::string domain;                     // its failure domain
  std::uint64_t free_bytes = UINT64_MAX;  // UINT64_MAX: unknown, assumed to be enough
};

// Whether the shards survive the loss of any `n` domains: the `n` domains that have most of the
// shards have at most `m` of them together.
bool survives(std::span<const std::string> domain_of_each_shard, unsigned m, unsigned n);

// How many domains may be lost, whichever they are, so that `k` of the shards are left; nullopt when
// there are fewer than `k` shards.
std::optional<unsigned> domains_may_go(std::span<const std::string> domain_of_each_shard, unsigned k);
// The same where a shard may have copies in several domains: it is lost when all of them are. A shard
// without a domain is gone. Where trying all sets of domains would take long, less is returned.
std::optional<unsigned> domains_may_go(std::span<const std::set<std::string>> domains_of_each_shard, unsigned k);

// A shard of the pack that is on a store already and stays there.
struct Placed {
  std::size_t store = 0;  // Candidate::store where it is a candidate; otherwise any other number
  std::string domain;
};

// Returns the stores (Candidate::store) for the shards of one pack that are not on any store yet,
// in the order of those shards. With the shards that stay there are k+m, and the pack survives the
// loss of any `survive` domains.
// - The shards are spread over the domains as evenly as those that stay allow. With k=1 (all shards
//   are copies with the same name) all stores are distinct. Otherwise a store gets a second shard
//   only if no other placement is valid.
// - If there are more domains than shards, the domains are drawn at random, weighted by free space,
//   so that over many packs they fill evenly.
// - Which of the chosen stores get data and which get parity is random too. `random`, in [0, 1), is
//   the only source of randomness.
// Throws Error{out_of_space}, saying what is missing, if and only if no placement is valid; the
// shards that stay may be the reason. Throws Error{invalid} when no number of domains would be
// enough (survive > m), and when more than k+m shards stay.
std::vector<std::size_t> place(std::span<const Candidate> candidates, Redundancy redundancy, unsigned survive,
                               std::uint64_t shard_bytes, double random, std::span<const Placed> staying = {});

// Returns the redundancy for a pool that survives the loss of `survive` domains. It has one shard
// for each domain with room for a shard of about `shard_bytes_hint`; m = survive of them are
// parity, and k is at most 16. Throws Error{out_of_space} when there are fewer than survive+1 such
// domains, and Error{invalid} when survive is more than 8.
Redundancy choose_redundancy(std::span<const Candidate> candidates, unsigned survive, std::uint64_t shard_bytes_hint);

// Returns the slice length S for the packs of a model, a multiple of 64. It depends on the size of
// the model; if that is unknown, pass the bytes added so far. (k+m)*S is at most 192 MiB, and no
// object is longer than `max_object_bytes`. Throws Error{invalid} when no length satisfies that.
std::uint64_t slice_bytes(std::uint64_t model_bytes, Redundancy redundancy, std::uint64_t max_object_bytes);

}  // namespace modelfloat::placement
