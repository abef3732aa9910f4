#include "modelfloat/domain/checkpoint.h"

#include <algorithm>

namespace modelfloat {

Obsolete::Obsolete(std::span<const SeenRecord* const> records, const WriterId& writer) {
  std::set<Hash256> condemning;  // records of this chain
  std::set<Hash256> deleted;
  for (const SeenRecord* seen : records) {
    const bool own = seen->record.writer == writer;
    for (const Change& change : seen->record.changes) {
      if (const auto* removed = std::get_if<Removed>(&change))
        removed_.insert(removed->manifests.begin(), removed->manifests.end());
      if (const auto* done = std::get_if<Deleted>(&change)) deleted.insert(done->records.begin(), done->records.end());
      if (const auto* committed = std::get_if<Committed>(&change); committed != nullptr && own)
        committed_.insert(committed->manifest.content);
      if (own && std::holds_alternative<Condemned>(change)) condemning.insert(seen->hash);
    }
  }
  std::set_intersection(condemning.begin(), condemning.end(), deleted.begin(), deleted.end(),
                        std::inserter(done_, done_.end()));
}

bool Obsolete::may_be_left_out(const Change& change, const Hash256& record) const {
  if (const auto* prepared = std::get_if<Prepared>(&change)) {
    const Hash256& content = prepared->manifest.content;
    return committed_.contains(content) || removed_.contains(content);
  }
  if (const auto* committed = std::get_if<Committed>(&change)) return removed_.contains(committed->manifest.content);
  if (const auto* replaced = std::get_if<Replaced>(&change)) {
    return removed_.contains(replaced->old) || removed_.contains(replaced->manifest.content);
  }
  if (const auto* spared = std::get_if<Spared>(&change)) return done_.contains(spared->record);
  if (const auto* deleted = std::get_if<Deleted>(&change)) {
    return std::all_of(deleted->records.begin(), deleted->records.end(),
                       [this](const Hash256& one) { return done_.contains(one); });
  }
  return is_done(change, record);
}

bool Obsolete::is_done(const Change& change, const Hash256& record) const {
  return std::holds_alternative<Condemned>(change) && done_.contains(record);
}

}  // namespace modelfloat
