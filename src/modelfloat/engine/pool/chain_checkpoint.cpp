#include "modelfloat/engine/pool/chain_checkpoint.h"

#include <algorithm>
#include <map>
#include <span>

#include "modelfloat/mf1/log_codec.h"

namespace modelfloat::engine {
namespace {

using Heads = std::map<WriterId, ChainHead>;

// Records that become, or are, one part.
struct Segment {
  std::span<const registry::LogRow> rows;
  std::optional<ChainHead> part;  // that has them now
  std::size_t bytes = 0;
  bool must_be_written = false;
};

class Planner {
 public:
  explicit Planner(const Obsolete& obsolete) : obsolete_(obsolete) {}

  PlannedCheckpoint plan(std::span<const registry::LogRow> chain, const std::optional<Checkpoint>& before) {
    for (const Segment& segment : merged(segments_of(chain, before))) {
      if (segment.must_be_written) {
        write(segment.rows, segment.rows.data() + segment.rows.size() == chain.data() + chain.size());
      } else {
        plan_.parts.push_back({segment.part->seq, segment.part->hash, {}});
      }
    }
    return std::move(plan_);
  }

 private:
  // The parts of the checkpoint before, and one segment with what is new.
  std::vector<Segment> segments_of(std::span<const registry::LogRow> chain, const std::optional<Checkpoint>& before) {
    std::vector<Segment> segments;
    const auto take_until = [&](std::uint64_t seq) {
      const auto end =
          std::find_if(chain.begin(), chain.end(), [&](const registry::LogRow& row) { return row.seq > seq; });
      Segment segment{chain.first(static_cast<std::size_t>(end - chain.begin())), {}, 0, true};
      for (const registry::LogRow& row : segment.rows) segment.bytes += row.cbor.size();
      chain = chain.subspan(segment.rows.size());
      return segment;
    };
    if (before) {
      for (const ChainHead& part : before->parts) {
        Segment segment = take_until(part.seq);
        if (segment.rows.empty()) continue;  // all of it was left out
        segment.part = part;
        segment.must_be_written = has_to_be_cleaned(segment);
        segments.push_back(segment);
      }
    }
    segments.push_back(take_until(UINT64_MAX));
    return segments;
  }

  bool has_to_be_cleaned(const Segment& segment) const {
    std::size_t without_effect = 0;
    for (const registry::LogRow& row : segment.rows) {
      const auto changes = mf1::record_from_either(row.cbor, row.writer).changes;
      std::size_t count = 0;
      for (const Change& change : changes) {
        if (obsolete_.is_done(change, row.hash)) return true;
        if (obsolete_.may_be_left_out(change, row.hash)) ++count;
      }
      if (count > 0) without_effect += row.cbor.size() * count / changes.size();
    }
    return 2 * without_effect > segment.bytes;
  }

  // From the end: what is small is joined with what comes behind it.
  static std::vector<Segment> merged(std::vector<Segment> segments) {
    Segment last = segments.back();
    segments.pop_back();
    while (!segments.empty() && segments.back().bytes <= 2 * last.bytes &&
           segments.back().bytes + last.bytes <= mf1::k_max_part_bytes) {
      const Segment& joined = segments.back();
      last.rows = {joined.rows.data(), joined.rows.size() + last.rows.size()};
      last.bytes += joined.bytes;
      segments.pop_back();
    }
    segments.push_back(last);
    return segments;
  }

  // Makes parts of these records. `ends` says whether they are the end of the chain.
  void write(std::span<const registry::LogRow> rows, bool ends) {
    Heads pending;  // of the records before that were left out
    for (const registry::LogRow& row : rows) {
      const LogRecord record = mf1::record_from_either(row.cbor, row.writer);
      const mf1::RecordBytes bytes = mf1::record_bytes(row.cbor);
      std::vector<ByteSpan> changes;
      for (std::size_t i = 0; i < record.changes.size(); ++i) {
        if (!obsolete_.may_be_left_out(record.changes[i], row.hash)) changes.push_back(bytes.changes.at(i));
      }
      for (const auto& [writer, head] : record.heads) {
        ChainHead& known = pending[writer];
        if (head.seq > known.seq) known = head;
      }
      const bool is_last = &row == &rows.back();
      const bool stays = !changes.empty() || !bytes.must.empty() || (is_last && (ends || !pending.empty()));
      if (!stays) {
        plan_.left_out.push_back({row.writer, row.seq, row.hash});
        continue;
      }
      add_entry({row.writer, row.seq, row.hash, mf1::entry_cbor(bytes, row.hash, pending, changes)});
      pending.clear();
    }
    finish_part();
  }

  void add_entry(registry::LogRow row) {
    if (!entries_.empty() && entries_bytes_ + row.cbor.size() > k_room) finish_part();
    entries_bytes_ += row.cbor.size();
    last_ = row.seq;
    writer_ = row.writer;
    entries_.push_back(row.cbor);
    plan_.entries.push_back(std::move(row));
  }

  void finish_part() {
    if (entries_.empty()) return;
    plan_.parts.push_back({last_, std::nullopt, mf1::part_cbor(writer_, last_, entries_)});
    entries_.clear();
    entries_bytes_ = 0;
  }

  // For entries; the rest of a part's CBOR is less than 100 bytes.
  static constexpr std::size_t k_room = mf1::k_max_part_bytes - 100;

  const Obsolete& obsolete_;
  PlannedCheckpoint plan_;
  WriterId writer_{};
  std::uint64_t last_ = 0;
  std::vector<Bytes> entries_;
  std::size_t entries_bytes_ = 0;
};

}  // namespace

PlannedCheckpoint plan_checkpoint(const std::vector<registry::LogRow>& chain, const std::optional<Checkpoint>& before,
                                  const Obsolete& obsolete) {
  return Planner(obsolete).plan(chain, before);
}

}  // namespace modelfloat::engine
