#include "modelfloat/engine/pool/pool_log.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "modelfloat/base/hex.h"
#include "modelfloat/base/log.h"
#include "modelfloat/engine/pool/settings.h"
#include "modelfloat/mf1/log_codec.h"
#include "modelfloat/transfer/stores/needed_wait.h"

namespace modelfloat::engine {

using transfer::WaitFor;

// As many new records of a chain are read at once, with those that are known.
static constexpr std::ptrdiff_t k_worth_a_chain = 8;

std::string unread_text(const Freshness& result) {
  std::string text;
  for (const UnreadStore& store : result.unread)
    text += fmt::format("{}{} ({})", text.empty() ? "" : ", ", store.name, store.why);
  return "the log could not be read on " + text;
}

bool warn_unless_fresh(const Freshness& result, std::string_view consequence) {
  if (!result.fresh) log_warning(fmt::format("{}: {}", unread_text(result), consequence));
  return result.fresh;
}

PoolLog::PoolLog(const Environment& environment, const mf1::Keyring& keys, transfer::StoreSet& stores,
                 Documents& documents)
    : environment_(environment), keys_(keys), stores_(stores), documents_(documents) {}

Freshness PoolLog::sync(const CallOptions& call, WaitFor wait_for) {
  stores_.recheck();
  if (wait_for == WaitFor::all) {
    stores_.wait_for_checks(call, stores_.timeouts().straggler);
    documents_.flush(wait_for, call);  // a store that was offline gets what it missed
  }
  Freshness result = read_all(wait_for, call, true);
  transfer::NeededWait needed(stores_, transfer::CallKind::read);
  // While a pool is being recovered, it is not known yet how many lost domains it survives.
  const auto is_too_little = [&] {
    return !result.fresh && (result.stores_read == 0 || Settings(environment_.registry).pool());
  };
  while (is_too_little() && needed.wait(call)) result = read_all(wait_for, call, false);
  // A reader does not wait for uploads.
  if (wait_for == WaitFor::quorum) documents_.flush(wait_for, call);
  return result;
}

Freshness PoolLog::read_all(WaitFor wait_for, const CallOptions& call, bool with_warnings) {
  const std::lock_guard lock(mutex_);
  Freshness result;
  const Listing listing = list_log(result, wait_for, call, with_warnings);
  own_chain_goes_on_elsewhere_ = false;
  read_checkpoints(listing, result, call);
  read_records(listing, result, call);
  read_checkpoints_for_gaps(listing, result, call);
  if (own_chain_goes_on_elsewhere_) start_over();
  if (result.unread.empty()) forget_what_is_gone(listing);
  report_unreadable();
  report_gaps();
  return result;
}

PoolLog::Listing PoolLog::list_log(Freshness& result, WaitFor wait_for, const CallOptions& call, bool with_warnings) {
  std::set<std::string> all_domains;
  for (const auto* store : stores_.all()) all_domains.insert(store->domain);
  const std::size_t survive = Settings(environment_.registry).policy().survive;
  const auto domains_of = [](const std::vector<transfer::StoreListing>& answers) {
    std::set<std::string> domains;
    for (const auto& answer : answers) {
      if (answer.complete) domains.insert(answer.store->domain);
    }
    return domains.size();
  };
  const auto suffice = [&](const std::vector<transfer::StoreListing>& answers) {
    const std::size_t answering = domains_of(answers);
    return answering > 0 && all_domains.size() <= answering + survive;
  };
  // Read this before listing: another process of this home may write and list more meanwhile.
  std::map<StoreId, std::vector<std::string>> seen;
  for (const auto* store : stores_.all()) seen[store->id] = environment_.registry.listed(store->id);
  const auto answers = transfer::list_stores(stores_, {"mf1/log/", "mf1/checkpoint/"}, wait_for, suffice, call);
  result.fresh = all_domains.empty() || suffice(answers);

  Listing listing;
  for (const transfer::StoreListing& answer : answers) {
    if (!answer.complete) {
      // No trouble: it is only slower than the others.
      if (answer.is_straggler && wait_for == WaitFor::quorum && result.fresh) continue;
      if (with_warnings) {
        log_warning(fmt::format("the log on {} cannot be read{}: {}", answer.store->name,
                                answer.objects.empty() ? "" : " completely", answer.trouble));
      }
    }
    std::vector<std::string> paths;
    for (const store::ObjectInfo& info : answer.objects) {
      listing.objects[info.name].push_back(answer.store);
      paths.push_back(info.name.path());
    }
    if (!answer.complete) continue;  // objects that it does not list may exist
    ++result.stores_read;
    record_listed(*answer.store, seen[answer.store->id], std::move(paths), result);
  }
  for (const auto* store : stores_.all()) {
    const auto answer =
        std::find_if(answers.begin(), answers.end(), [&](const auto& one) { return one.store == store; });
    if (answer != answers.end() && answer->complete) continue;
    std::string why = answer != answers.end() ? answer->trouble : store->state->why_not_online();
    if (why.empty()) why = "it asks to be left alone for a while";
    result.unread.push_back({store->name, std::move(why)});
  }
  result.domains_unread = all_domains.size() - std::min(all_domains.size(), domains_of(answers));
  return listing;
}

// Notices when a record that was seen on the store is missing now: the store was set back to an
// older state.
void PoolLog::record_listed(const transfer::PoolStore& store, const std::vector<std::string>& seen,
                            std::vector<std::string> paths, Freshness& result) {
  std::sort(paths.begin(), paths.end());
  if (std::any_of(seen.begin(), seen.end(),
                  [&](const std::string& path) { return !std::binary_search(paths.begin(), paths.end(), path); })) {
    result.rolled_back.push_back(store.name);
    log_warning(
        fmt::format("{} no longer lists a log record that it had: it has been rolled back or damaged", store.name));
  }
  environment_.registry.record_listed(store.id, paths);
}

// Another home writes the same chain, so this home was copied or restored from a backup. It
// continues as a new writer.
void PoolLog::start_over() {
  log_warning(
      "the stores have records of this machine's log that its registry does not know: it was copied, or brought back "
      "from a backup, and goes on as a new writer");
  Settings(environment_.registry).set_writer(environment_.random.array<16>());
}

// Decodes what is not decoded yet of one chain. Of the heads it keeps those alone that say more
// than the heads of the chain's records before.
void PoolLog::decode_chain(std::span<const registry::LogName> chain) {
  const auto missing = std::count_if(chain.begin(), chain.end(),
                                     [this](const registry::LogName& name) { return !decoded_.contains(name.hash); });
  if (missing == 0) return;
  std::map<Hash256, Bytes> rows;
  if (missing > k_worth_a_chain) {
    for (auto& row : environment_.registry.log_records_of(chain.front().writer)) rows[row.hash] = std::move(row.cbor);
  }
  std::map<WriterId, std::uint64_t> seen;
  for (const registry::LogName& name : chain) {
    auto known = decoded_.find(name.hash);
    if (known == decoded_.end()) {
      const auto row = rows.find(name.hash);
      const auto cbor = row != rows.end() ? std::optional(row->second) : environment_.registry.log_record(name);
      if (!cbor) continue;  // the registry was cleared in the meantime
      known = decoded_.emplace(name.hash, SeenRecord{mf1::log_record_from_cbor(*cbor), name.hash}).first;
      std::erase_if(known->second.record.heads, [&](const auto& head) {
        const auto before = seen.find(head.first);
        return before != seen.end() && before->second >= head.second.seq;
      });
    }
    for (const auto& [writer, head] : known->second.record.heads) seen[writer] = std::max(seen[writer], head.seq);
  }
}

// Ordered by writer and number.
std::vector<const SeenRecord*> PoolLog::known_records() {
  const auto names = environment_.registry.log_names();
  std::vector<const SeenRecord*> records;
  for (auto begin = names.begin(); begin != names.end();) {
    const auto end = std::find_if(begin, names.end(), [&](const auto& name) { return name.writer != begin->writer; });
    decode_chain({begin, end});
    for (; begin != end; ++begin) {
      if (const auto known = decoded_.find(begin->hash); known != decoded_.end()) records.push_back(&known->second);
    }
  }
  return records;
}

std::vector<LogGap> PoolLog::known_gaps() {
  return gaps_of(known_records(), [this](const WriterId& writer) { return covered(writer); });
}

static std::string gap_text(const LogGap& gap) {
  const std::string records = gap.first == gap.last ? fmt::format("record {}", gap.first)
                                                    : fmt::format("records {} to {}", gap.first, gap.last);
  return fmt::format(
      "the log of machine {} lacks {} on every store that was read: what that machine pushed, tagged or removed with "
      "them "
      "is not known here",
      to_hex(gap.writer), records);
}

// Reports nothing before the keys of older epochs are known: records sealed with them cannot be
// read until then.
void PoolLog::report_gaps() {
  if (!keys_.has_epoch(1)) return;
  for (const LogGap& gap : known_gaps()) {
    if (reported_gaps_.insert(gap).second) log_warning(gap_text(gap));
  }
}

std::vector<std::string> PoolLog::doubts() {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> doubts;
  for (const LogGap& gap : known_gaps()) doubts.push_back(gap_text(gap));
  for (const std::string& object : unreadable())
    doubts.push_back(object + " is on a store and cannot be read with this program and these keys");
  return doubts;
}

PoolState PoolLog::state() {
  const std::lock_guard lock(mutex_);
  return pool_state_of(known_records());
}

}  // namespace modelfloat::engine
