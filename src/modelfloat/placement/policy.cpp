#include "modelfloat/placement/policy.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <iterator>
#include <map>
#include <numeric>
#include <optional>

#include "modelfloat/base/error.h"

namespace modelfloat::placement {
namespace {

constexpr std::uint64_t k_mib = std::uint64_t{1} << 20;
constexpr std::uint64_t k_gb = 1'000'000'000;
constexpr std::uint64_t k_pack_bytes = 192 * k_mib;
constexpr std::uint64_t k_object_header_bytes = 96;

unsigned sum_of_fullest(std::vector<unsigned> counts, unsigned n) {
  std::sort(counts.begin(), counts.end(), std::greater<>());
  counts.resize(std::min<std::size_t>(counts.size(), n));
  return std::accumulate(counts.begin(), counts.end(), 0U);
}

// Makes any number of random numbers from one number in [0, 1) (SplitMix64).
class Draws {
 public:
  explicit Draws(double random) : state_(static_cast<std::uint64_t>(random * 0x1.0p53)) {}
  // In (0, 1).
  double next() {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return (static_cast<double>((z ^ (z >> 31)) >> 11) + 0.5) * 0x1.0p-53;
  }

 private:
  std::uint64_t state_;
};

struct Site {  // a candidate while the placement is decided
  std::size_t store;
  unsigned room;       // shards
  double order = 0;    // random; lower comes first
  unsigned stays = 0;  // shards that are there already
  unsigned shards = 0;

  unsigned all_shards() const { return stays + shards; }
};

struct Domain {
  std::string name;
  std::vector<Site> sites = {};
  double order = 0;
  unsigned stays = 0;
  unsigned shards = 0;

  unsigned all_shards() const { return stays + shards; }
  // How many shards can be added with at most `per_store` in one store.
  unsigned room(unsigned per_store) const {
    unsigned sum = 0;
    for (const Site& site : sites) sum += std::min(site.room, per_store - std::min(site.stays, per_store));
    return sum;
  }
};

unsigned room_for(const Candidate& candidate, std::uint64_t shard_bytes, unsigned at_most) {
  if (shard_bytes == 0 || candidate.free_bytes == UINT64_MAX) return at_most;
  return static_cast<unsigned>(std::min<std::uint64_t>(candidate.free_bytes / shard_bytes, at_most));
}

// For stores that do not report their free space, the mean of the others is used.
double mean_free_bytes(std::span<const Candidate> candidates) {
  double sum = 0;
  double known = 0;
  for (const Candidate& candidate : candidates) {
    if (candidate.free_bytes == UINT64_MAX) continue;
    sum += static_cast<double>(candidate.free_bytes);
    known += 1;
  }
  return sum > 0 ? sum / known : 1;
}

// Returns only domains with room. Their random order is weighted by share: -ln(u)/share, smallest
// first (Efraimidis and Spirakis).
std::vector<Domain> domains_with_room(std::span<const Candidate> candidates, std::uint64_t shard_bytes, unsigned shards,
                                      Draws& draws) {
  const double mean = mean_free_bytes(candidates);
  std::map<std::string, Domain> by_name;
  std::map<std::string, double> shares;
  for (const Candidate& candidate : candidates) {
    const unsigned room = room_for(candidate, shard_bytes, shards);
    if (room == 0) continue;
    const double free = candidate.free_bytes == UINT64_MAX ? mean : static_cast<double>(candidate.free_bytes);
    const double share = std::max(free, 1.0);
    Domain& domain = by_name[candidate.domain];
    domain.name = candidate.domain;
    domain.sites.push_back({candidate.store, room, -std::log(draws.next()) / share});
    shares[candidate.domain] += share;
  }
  std::vector<Domain> domains;
  for (auto& [name, domain] : by_name) {
    domain.order = -std::log(draws.next()) / shares[name];
    domains.push_back(std::move(domain));
  }
  return domains;
}

void add_staying(std::vector<Domain>& domains, std::span<const Placed> staying) {
  for (const Placed& placed : staying) {
    auto domain =
        std::find_if(domains.begin(), domains.end(), [&](const Domain& d) { return d.name == placed.domain; });
    if (domain == domains.end()) domain = domains.insert(domains.end(), Domain{.name = placed.domain});
    ++domain->stays;
    for (Site& site : domain->sites) site.stays += site.store == placed.store ? 1 : 0;
  }
}

// Gives the shards to the domains one by one, each to the domain that has the fewest so far. No
// other way puts fewer shards into the n fullest domains, for every n at once; so if this is not
// valid, no placement is.
bool deal(std::vector<Domain>& domains, unsigned shards, unsigned per_store) {
  for (Domain& domain : domains) domain.shards = 0;
  for (unsigned i = 0; i < shards; ++i) {
    Domain* best = nullptr;
    for (Domain& domain : domains) {
      if (domain.shards >= domain.room(per_store)) continue;
      if (best == nullptr || std::pair(domain.all_shards(), domain.order) < std::pair(best->all_shards(), best->order))
        best = &domain;
    }
    if (best == nullptr) return false;
    ++best->shards;
  }
  return true;
}

bool is_valid_deal(const std::vector<Domain>& domains, unsigned m, unsigned survive) {
  std::vector<unsigned> counts;
  for (const Domain& domain : domains) counts.push_back(domain.all_shards());
  return sum_of_fullest(std::move(counts), survive) <= m;
}

// Chooses the stores inside each domain, one entry for each shard.
std::vector<const Site*> choose_sites(std::vector<Domain>& domains) {
  std::vector<const Site*> chosen;
  for (Domain& domain : domains) {
    for (unsigned i = 0; i < domain.shards; ++i) {
      Site* best = nullptr;
      for (Site& site : domain.sites) {
        if (site.shards >= site.room) continue;
        if (best == nullptr || std::pair(site.all_shards(), site.order) < std::pair(best->all_shards(), best->order))
          best = &site;
      }
      ++best->shards;
      chosen.push_back(best);
    }
  }
  return chosen;
}

// Shuffled, so that over many packs every store gets its part of the parity.
std::vector<std::size_t> draw_roles(const std::vector<const Site*>& chosen, Draws& draws) {
  std::vector<std::pair<double, std::size_t>> drawn;
  for (const Site* site : chosen) drawn.emplace_back(draws.next(), site->store);
  std::sort(drawn.begin(), drawn.end());
  std::vector<std::size_t> stores;
  for (const auto& [draw, store] : drawn) stores.push_back(store);
  return stores;
}

std::string readable(std::uint64_t bytes) {
  if (bytes >= k_mib) return std::to_string((bytes + k_mib - 1) / k_mib) + " MiB";
  return std::to_string(bytes) + (bytes == 1 ? " byte" : " bytes");
}

std::string domains_with(std::size_t count, std::uint64_t free_bytes) {
  return std::to_string(count) + (count == 1 ? " failure domain with " : " failure domains with ") +
         readable(free_bytes) + " free";
}

// How many domains with unlimited room are enough for a valid placement. Since survive <= m, k+m of
// them always are.
unsigned domains_needed(Redundancy redundancy, unsigned survive) {
  for (unsigned count = 1; count < redundancy.shards(); ++count) {
    std::vector<unsigned> level(count, redundancy.shards() / count);
    for (unsigned i = 0; i < redundancy.shards() % count; ++i) ++level[i];
    if (sum_of_fullest(std::move(level), survive) <= redundancy.m) return count;
  }
  return redundancy.shards();
}

std::string list_of_names(const std::vector<Domain>& domains) {
  std::string names;
  for (const Domain& domain : domains) names += (names.empty() ? ": " : ", ") + domain.name;
  return names;
}

Error no_room(const std::vector<Domain>& domains, Redundancy redundancy, unsigned survive, std::uint64_t shard_bytes) {
  const std::size_t needed = domains_needed(redundancy, survive);
  const bool copies = redundancy.k == 1;
  std::string message = to_string(redundancy) + " that survives " + std::to_string(survive) + " needs " +
                        domains_with(needed, shard_bytes) + ", has " + std::to_string(domains.size());
  if (domains.size() >= needed) {
    unsigned room = 0;
    for (const Domain& domain : domains) room += domain.room(copies ? 1 : redundancy.shards());
    message +=
        " with room for " + std::to_string(room) + (copies ? " copies" : " shards") + ", too unevenly or too few";
  }
  return Error(ErrorKind::out_of_space, "placement", message + list_of_names(domains));
}

Error no_room_beside(std::span<const Placed> staying, const std::vector<Domain>& domains, Redundancy redundancy,
                     unsigned survive, std::uint64_t shard_bytes) {
  std::vector<Domain> with_room;
  std::copy_if(domains.begin(), domains.end(), std::back_inserter(with_room),
               [](const Domain& domain) { return !domain.sites.empty(); });
  return Error(ErrorKind::out_of_space, "placement",
               to_string(redundancy) + " that survives " + std::to_string(survive) + " cannot be had with " +
                   std::to_string(redundancy.shards() - staying.size()) + " more beside the " +
                   std::to_string(staying.size()) + " that stay, in " + domains_with(with_room.size(), shard_bytes) +
                   list_of_names(with_room));
}

void check_possible(Redundancy redundancy, unsigned survive) {
  if (!is_valid(redundancy)) throw Error(ErrorKind::invalid, to_string(redundancy), "no such redundancy");
  if (survive > redundancy.m) {
    throw Error(ErrorKind::invalid, to_string(redundancy),
                "cannot survive the loss of " + std::to_string(survive) + " failure domains");
  }
}

}  // namespace

static std::vector<unsigned> shards_of_each_domain(std::span<const std::string> domain_of_each_shard) {
  std::map<std::string, unsigned> counts;
  for (const std::string& domain : domain_of_each_shard) ++counts[domain];
  std::vector<unsigned> numbers;
  for (const auto& [domain, count] : counts) numbers.push_back(count);
  return numbers;
}

bool survives(std::span<const std::string> domain_of_each_shard, unsigned m, unsigned n) {
  return sum_of_fullest(shards_of_each_domain(domain_of_each_shard), n) <= m;
}

std::optional<unsigned> domains_may_go(std::span<const std::string> domain_of_each_shard, unsigned k) {
  if (domain_of_each_shard.size() < k) return std::nullopt;
  const auto spare = static_cast<unsigned>(domain_of_each_shard.size() - k);
  const auto counts = shards_of_each_domain(domain_of_each_shard);
  unsigned domains = 0;
  while (domains < counts.size() && sum_of_fullest(counts, domains + 1) <= spare) ++domains;
  return domains;
}

namespace {

// Whether at least `k` shards are left whichever `n` domains are lost, by trying all sets of them.
class AllLosses {
 public:
  // By shard: a bit for each domain that has a copy.
  AllLosses(std::vector<std::uint64_t> shards, unsigned domains, unsigned k)
      : shards_(std::move(shards)), domains_(domains), k_(k) {}

  bool leave_enough(unsigned n) { return leave_enough(n, 0, 0); }
  bool took_too_long() const noexcept { return tried_ > k_most_sets; }

 private:
  static constexpr std::uint64_t k_most_sets = 20'000;

  bool leave_enough(unsigned n, unsigned first, std::uint64_t lost) {
    if (took_too_long()) return false;
    if (n == 0) {
      ++tried_;
      const auto left =
          std::count_if(shards_.begin(), shards_.end(), [&](std::uint64_t domains) { return (domains & ~lost) != 0; });
      return static_cast<std::uint64_t>(left) >= k_;
    }
    for (unsigned domain = first; domain + n <= domains_; ++domain) {
      if (!leave_enough(n - 1, domain + 1, lost | std::uint64_t{1} << domain)) return false;
    }
    return true;
  }

  const std::vector<std::uint64_t> shards_;
  const unsigned domains_;
  const unsigned k_;
  std::uint64_t tried_ = 0;
};

}  // namespace

std::optional<unsigned> domains_may_go(std::span<const std::set<std::string>> domains_of_each_shard, unsigned k) {
  constexpr std::size_t k_most_domains = 64;
  std::vector<std::string> one_of_each;
  std::map<std::string, unsigned> numbers;
  bool any_has_more = false;
  for (const auto& domains : domains_of_each_shard) {
    if (domains.empty()) continue;
    one_of_each.push_back(*domains.begin());
    any_has_more = any_has_more || domains.size() > 1;
    for (const std::string& domain : domains) numbers.try_emplace(domain, static_cast<unsigned>(numbers.size()));
  }
  const auto at_least = domains_may_go(one_of_each, k);
  if (!at_least || !any_has_more || numbers.size() > k_most_domains) return at_least;
  std::vector<std::uint64_t> shards;
  for (const auto& domains : domains_of_each_shard) {
    std::uint64_t bits = 0;
    for (const std::string& domain : domains) bits |= std::uint64_t{1} << numbers.at(domain);
    shards.push_back(bits);
  }
  const auto all = static_cast<unsigned>(numbers.size());
  AllLosses losses(std::move(shards), all, k);
  unsigned may_go = *at_least;
  while (may_go < all && losses.leave_enough(may_go + 1)) ++may_go;
  return may_go;
}

std::vector<std::size_t> place(std::span<const Candidate> candidates, Redundancy redundancy, unsigned survive,
                               std::uint64_t shard_bytes, double random, std::span<const Placed> staying) {
  check_possible(redundancy, survive);
  if (staying.size() > redundancy.shards())
    throw Error(ErrorKind::invalid, to_string(redundancy), "has fewer shards than those that stay");
  Draws draws(random);
  const auto shards = redundancy.shards() - static_cast<unsigned>(staying.size());
  std::vector<Domain> domains = domains_with_room(candidates, shard_bytes, shards, draws);
  add_staying(domains, staying);
  const unsigned most_per_store = redundancy.k == 1 ? 1 : redundancy.shards();
  for (unsigned per_store = 1; per_store <= most_per_store; ++per_store) {
    if (!deal(domains, shards, per_store) || !is_valid_deal(domains, redundancy.m, survive)) continue;
    return draw_roles(choose_sites(domains), draws);
  }
  if (staying.empty()) throw no_room(domains, redundancy, survive, shard_bytes);
  throw no_room_beside(staying, domains, redundancy, survive, shard_bytes);
}

Redundancy choose_redundancy(std::span<const Candidate> candidates, unsigned survive, std::uint64_t shard_bytes_hint) {
  if (survive > Redundancy::k_max_parity) {
    throw Error(ErrorKind::invalid, "survive " + std::to_string(survive),
                "a pool can survive the loss of at most 8 failure domains");
  }
  Draws draws(0);
  const std::vector<Domain> domains = domains_with_room(candidates, shard_bytes_hint, 1, draws);
  if (domains.size() <= survive) {
    throw Error(ErrorKind::out_of_space, "placement",
                "to survive the loss of " + std::to_string(survive) + " takes " +
                    domains_with(std::size_t{survive} + 1, shard_bytes_hint) + ", there are " +
                    std::to_string(domains.size()) + list_of_names(domains));
  }
  const std::size_t k = std::min<std::size_t>(domains.size() - survive, Redundancy::k_max_data);
  return {static_cast<unsigned>(k), survive};
}

std::uint64_t slice_bytes(std::uint64_t model_bytes, Redundancy redundancy, std::uint64_t max_object_bytes) {
  if (!is_valid(redundancy)) throw Error(ErrorKind::invalid, to_string(redundancy), "no such redundancy");
  std::uint64_t slice = 64 * k_mib;
  if (model_bytes < 1 * k_gb) {
    slice = 4 * k_mib;
  } else if (model_bytes < 20 * k_gb) {
    slice = 16 * k_mib;
  } else if (model_bytes < 100 * k_gb) {
    slice = 32 * k_mib;
  }
  const std::uint64_t room = max_object_bytes - std::min(max_object_bytes, k_object_header_bytes);
  slice = std::min({slice, k_pack_bytes / redundancy.shards(), room}) / 64 * 64;
  if (slice == 0) throw Error(ErrorKind::invalid, "placement", "the stores take no object that is large enough");
  return slice;
}

}  // namespace modelfloat::placement
