#include "modelfloat/engine/pool/pool_log.h"

#include <algorithm>
#include <set>
#include <sstream>

#include <fmt/format.h>

#include "modelfloat/base/hex.h"
#include "modelfloat/base/log.h"
#include "modelfloat/base/printable.h"
#include "modelfloat/engine/pool/settings.h"
#include "modelfloat/mf1/log_codec.h"
#include "modelfloat/transfer/stores/needed_wait.h"

namespace modelfloat::engine {

using transfer::WaitFor;

// As many records are read one by one from the registry; more are read with all of their chain.
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
  read_new_objects(listing, result, call);
  take_checkpoints(listing, result, call);
  read_left_out(listing, result, call);
  for (const auto& answer : listing.answers) {
    if (answer.complete) record_listed(*answer.store, listing.before.at(answer.store->id), answer, result);
  }
  if (own_chain_goes_on_elsewhere_ || others_know_more_of_us()) start_over();
  forget_unneeded(listing, result.unread.empty());
  if (result.unread.empty()) forget_what_is_gone(listing);
  // A reader does not wait for all stores, and what one of those lists decides.
  if (wait_for == WaitFor::all) judge_unreadable(listing, result);
  report_unreadable();
  report_gaps();
  if (wait_for == WaitFor::all && result.unread.empty()) delete_covered(listing, call);
  return result;
}

// Whether another chain names records of ours that this home never wrote.
bool PoolLog::others_know_more_of_us() {
  const auto own = Settings(environment_.registry).writer();
  const auto& gaps = facts().gaps;
  return std::any_of(gaps.begin(), gaps.end(), [&](const LogGap& gap) { return gap.writer == own; });
}

// Another home writes the same chain, so this home was copied or restored from a backup. It
// continues as a new writer.
void PoolLog::start_over() {
  log_warning(
      "the stores have records of this machine's log that its registry does not know: it was copied, or brought back "
      "from a backup, and goes on as a new writer");
  Settings(environment_.registry).set_writer(environment_.random.array<16>());
}

// Decodes what is not decoded yet of one chain.
void PoolLog::decode(std::span<const registry::LogName> chain) {
  const auto is_decoded = [this](const registry::LogName& name) {
    const auto known = decoded_.find(name.hash);
    return known != decoded_.end() && known->second.cbor_bytes == name.cbor_bytes;
  };
  const auto missing = std::count_if(chain.begin(), chain.end(), [&](const auto& name) { return !is_decoded(name); });
  if (missing == 0) return;
  const auto enter = [this](const registry::LogName& name, ByteSpan cbor) {
    decoded_[name.hash] = {{mf1::record_from_either(cbor, name.writer), name.hash}, cbor.size()};
  };
  if (missing > k_worth_a_chain) {
    for (const auto& row : environment_.registry.log_records_of(chain.front().writer))
      enter({row.writer, row.seq, row.hash}, row.cbor);
    return;
  }
  for (const registry::LogName& name : chain) {
    if (is_decoded(name)) continue;
    if (const auto cbor = environment_.registry.log_record(name)) enter(name, *cbor);
  }
}

// Ordered by writer and number.
std::vector<const SeenRecord*> PoolLog::known_records() {
  const auto names = environment_.registry.log_names();
  std::vector<const SeenRecord*> records;
  records.reserve(names.size());
  for (auto begin = names.begin(); begin != names.end();) {
    const auto end = std::find_if(begin, names.end(), [&](const auto& name) { return name.writer != begin->writer; });
    decode({begin, end});
    for (; begin != end; ++begin) {
      if (const auto known = decoded_.find(begin->hash); known != decoded_.end())
        records.push_back(&known->second.seen);
    }
  }
  return records;
}

const PoolLog::Facts& PoolLog::facts() {
  const std::uint64_t version = environment_.registry.log_version();
  if (facts_.version == version) return facts_;
  Settings settings(environment_.registry);
  // Another process of this home may have worked it out.
  if (auto kept = Facts::parse(settings.log_facts()); kept.version == version) {
    facts_ = std::move(kept);
    return facts_;
  }
  const auto records = known_records();
  const auto checkpoints = taken_checkpoints();
  const auto newest = newest_of(checkpoints);
  const auto covered = [&](const WriterId& writer) {
    const auto found = newest.find(writer);
    return found == newest.end() ? 0 : found->second->seq;
  };
  PoolState state = pool_state_of(records);
  facts_ = {version, gaps_of(records, covered), std::move(state.not_understood)};
  settings.raise_largest_survive(state.largest_survive);
  settings.set_log_facts(facts_.text());
  return facts_;
}

// Lines: the version; "gap WRITER FIRST LAST"; "not TEXT".
std::string PoolLog::Facts::text() const {
  std::string text = fmt::format("{}\n", version);
  for (const LogGap& gap : gaps) text += fmt::format("gap {} {} {}\n", to_hex(gap.writer), gap.first, gap.last);
  for (const std::string& what : not_understood) text += fmt::format("not {}\n", escaped(what));
  return text;
}

PoolLog::Facts PoolLog::Facts::parse(const std::string& text) {
  Facts facts;
  std::istringstream lines(text);
  std::string line;
  std::getline(lines, line);
  std::istringstream(line) >> facts.version;
  while (std::getline(lines, line)) {
    std::istringstream words(line);
    std::string kind;
    words >> kind;
    if (kind == "gap") {
      std::string writer;
      LogGap gap;
      words >> writer >> gap.first >> gap.last;
      gap.writer = array_from_hex<16>(writer).value_or(WriterId{});
      facts.gaps.push_back(gap);
    } else if (kind == "not") {
      facts.not_understood.insert(line.substr(std::string("not ").size()));
    }
  }
  return facts;
}

static std::string gap_text(const LogGap& gap) {
  const std::string records = gap.first == gap.last ? fmt::format("record {}", gap.first)
                                                    : fmt::format("records {} to {}", gap.first, gap.last);
  return fmt::format(
      "the log of machine {} lacks {} on every store that was read: what that machine pushed, tagged or removed with "
      "them is not known here",
      to_hex(gap.writer), records);
}

// Reports nothing before the keys of older epochs are known: records sealed with them cannot be
// read until then.
void PoolLog::report_gaps() {
  if (!keys_.has_epoch(1)) return;
  for (const LogGap& gap : facts().gaps) {
    if (reported_gaps_.insert(gap).second) log_warning(gap_text(gap));
  }
}

std::vector<std::string> PoolLog::doubts() {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> doubts;
  for (const LogGap& gap : facts().gaps) doubts.push_back(gap_text(gap));
  for (const std::string& object : unreadable())
    doubts.push_back(object + " is on a store and cannot be read with this program and these keys");
  if (const std::string why = why_read_only_here(); !why.empty())
    doubts.push_back("this pool can only be read here: " + why);
  return doubts;
}

std::string PoolLog::why_read_only() {
  const std::lock_guard lock(mutex_);
  return why_read_only_here();
}

std::string PoolLog::why_read_only_here() {
  std::string why = Settings(environment_.registry).log_blocked();
  for (const std::string& what : facts().not_understood)
    why += (why.empty() ? "" : "; ") + ("the log has " + what + ", which this version does not understand");
  return why;
}

PoolState PoolLog::state() {
  const std::lock_guard lock(mutex_);
  return pool_state_of(known_records());
}

std::map<Hash256, Checkpoint> PoolLog::taken_checkpoints() {
  std::map<Hash256, Checkpoint> taken;
  for (const auto& row : environment_.registry.checkpoints()) {
    if (row.is_taken) taken.emplace(row.hash, mf1::checkpoint_from_cbor(row.cbor));
  }
  return taken;
}

std::map<WriterId, const Checkpoint*> PoolLog::newest_of(const std::map<Hash256, Checkpoint>& checkpoints) {
  std::map<WriterId, const Checkpoint*> newest;
  for (const auto& [hash, checkpoint] : checkpoints) {
    const Checkpoint*& best = newest[checkpoint.writer];
    if (best == nullptr || best->age() < checkpoint.age()) best = &checkpoint;
  }
  return newest;
}

std::set<ObjectName> PoolLog::expected_objects() {
  const std::lock_guard lock(mutex_);
  const auto checkpoints = taken_checkpoints();
  const auto newest = newest_of(checkpoints);
  std::set<ObjectName> expected;
  for (const auto& [hash, checkpoint] : checkpoints) {
    const WriterId& writer = checkpoint.writer;
    const Checkpoint& last = *newest.at(writer);
    const bool counts = &checkpoint == &last || (last.before && last.before->hash == hash);
    if (!counts) continue;
    expected.insert(ObjectName::of_chain(ObjectType::checkpoint, writer, checkpoint.seq, hash));
    for (const ChainHead& part : checkpoint.parts)
      expected.insert(ObjectName::of_chain(ObjectType::part, writer, part.seq, part.hash));
  }
  const auto add = [&](const registry::LogName& name) {
    const auto last = newest.find(name.writer);
    const bool may_be_gone = last != newest.end() && last->second->before && name.seq <= last->second->before->seq;
    if (!may_be_gone) expected.insert(ObjectName::of_chain(ObjectType::log, name.writer, name.seq, name.hash));
  };
  for (const auto& name : environment_.registry.log_names()) add(name);
  for (const auto& name : environment_.registry.names_without_records()) add(name);
  return expected;
}

}  // namespace modelfloat::engine
