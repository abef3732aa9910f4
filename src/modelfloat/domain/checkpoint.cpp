#include "modelfloat/domain/checkpoint.h"

#include <map>

namespace modelfloat {
namespace {

// The last place in the chain where something was said of a manifest, by its content name.
using LastSaid = std::map<Hash256, std::size_t>;

struct ChainFacts {
  LastSaid committed;
  LastSaid removed;
};

ChainFacts facts_of(const std::vector<SeenRecord>& chain) {
  ChainFacts facts;
  for (std::size_t i = 0; i < chain.size(); ++i) {
    for (const Change& change : chain[i].record.changes) {
      if (const auto* committed = std::get_if<Committed>(&change)) facts.committed[committed->manifest.content] = i;
      if (const auto* removed = std::get_if<Removed>(&change)) {
        for (const Hash256& content : removed->manifests) facts.removed[content] = i;
      }
    }
  }
  return facts;
}

bool said_later(const LastSaid& facts, const Hash256& content, std::size_t here) {
  const auto found = facts.find(content);
  return found != facts.end() && found->second >= here;
}

}  // namespace

std::vector<SeenRecord> compact_chain(std::vector<SeenRecord> chain) {
  const ChainFacts facts = facts_of(chain);
  for (std::size_t i = 0; i < chain.size(); ++i) {
    auto& changes = chain[i].record.changes;
    std::erase_if(changes, [&](const Change& change) {
      if (const auto* prepared = std::get_if<Prepared>(&change)) {
        const Hash256& content = prepared->manifest.content;
        return said_later(facts.committed, content, i) || said_later(facts.removed, content, i);
      }
      if (const auto* committed = std::get_if<Committed>(&change))
        return said_later(facts.removed, committed->manifest.content, i);
      return false;
    });
  }
  std::erase_if(chain, [](const SeenRecord& record) { return record.record.changes.empty(); });
  return chain;
}

}  // namespace modelfloat
