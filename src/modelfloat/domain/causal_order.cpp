#include "modelfloat/domain/causal_order.h"

#include <algorithm>

namespace modelfloat {

void ChainKnowledge::add(const WriterId& other, std::uint64_t seq, std::uint64_t head) {
  std::vector<Step>& steps = steps_[other];
  if (!steps.empty() && steps.back().known >= head) return;
  if (!steps.empty() && steps.back().seq == seq) {
    steps.back().known = head;
  } else {
    steps.push_back({seq, head});
  }
}

std::uint64_t ChainKnowledge::below(const WriterId& other, std::uint64_t seq) const {
  const auto found = steps_.find(other);
  if (found == steps_.end()) return 0;
  const auto after = std::lower_bound(found->second.begin(), found->second.end(), seq,
                                      [](const Step& step, std::uint64_t wanted) { return step.seq < wanted; });
  return after == found->second.begin() ? 0 : std::prev(after)->known;
}

std::uint64_t Knowing::of(const WriterId& writer) const {
  const LogRecord& own = record->record;
  if (own.writer == writer) return own.seq - 1;
  const auto head = own.heads.find(writer);
  return std::max(chain->below(writer, own.seq), head == own.heads.end() ? 0 : head->second.seq);
}

bool is_before(const SeenRecord& a, const Knowing& b) { return a.record.seq <= b.of(a.record.writer); }

}  // namespace modelfloat
