#pragma once
// Where the shards of a pack go. Pure: numbers in, decision out.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "modelfloat/domain/redundancy.h"

namespace modelfloat::placement {

// A store that may take shards.
struct Candidate {
  std::size_t store = 0;                  // the caller's index, handed back
  std::string domain;                     // what it fails together with
  std::uint64_t free_bytes = UINT64_MAX;  // UINT64_MAX: unknown, taken as enough
};

// Whether the `n` domains that hold most of these shards hold at most `m` of them together: their
// loss can be survived.
bool survives(std::span<const std::string> domain_of_each_shard, unsigned m, unsigned n);

// A shard of the pack that lies on a store already, and stays there.
struct Placed {
  std::size_t store = 0;  // Candidate::store where it is a candidate; otherwise any other number
  std::string domain;
};

// The stores (Candidate::store) for the shards of one pack that do not lie anywhere yet, in the
// order of those shards. Together with those that stay they are k+m, and the pack survives the loss
// of any `survive` domains.
// - The shards lie as evenly over the domains as they can beside those that stay. With k=1 (copies,
//   which have one name) all stores are distinct. Otherwise a store gets a second shard only where
//   nothing else is valid.
// - Which of more domains than shards are used is drawn by free space, so that over many packs they
//   fill evenly.
// - Which of the chosen stores get data and which parity is drawn, too. `random` in [0, 1) is the
//   only source of chance. Error{out_of_space}, saying what is missing, when and only when no
//   placement is valid: also when the shards that stay lie so that none can be. Error{invalid} when
//   no number of domains would do (survive > m), and when more than k+m stay.
std::vector<std::size_t> place(std::span<const Candidate> candidates, Redundancy redundancy, unsigned survive,
                               std::uint64_t shard_bytes, double random, std::span<const Placed> staying = {});

// The redundancy for a pool that survives the loss of `survive` domains: one shard for each domain
// with room for a shard of about `shard_bytes_hint`, m = survive of them parity, k at most 16.
// Error{out_of_space} when there are not survive+1 such domains; Error{invalid} when survive is
// more than 8.
Redundancy choose_redundancy(std::span<const Candidate> candidates, unsigned survive, std::uint64_t shard_bytes_hint);

// The slice length S of the packs of a model, a multiple of 64, by the model's size (for an unknown
// one, by what has come so far), such that (k+m)*S <= 192 MiB and no object is longer than
// `max_object_bytes`. Error{invalid} when that leaves nothing.
std::uint64_t slice_bytes(std::uint64_t model_bytes, Redundancy redundancy, std::uint64_t max_object_bytes);

}  // namespace modelfloat::placement
