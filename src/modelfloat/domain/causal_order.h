#pragma once
// Which change was made in knowledge of which: docs/formats/mf1.md sections 9.1 and 9.3. Pure.

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <vector>

#include "modelfloat/domain/log_record.h"

namespace modelfloat {

// What the records of one chain know of each other chain. It only grows along the chain, so only
// the steps are kept.
class ChainKnowledge {
 public:
  // Record `seq` says that its writer knows `head` of `other`. In the order of seq.
  void add(const WriterId& other, std::uint64_t seq, std::uint64_t head);
  // The largest number of `other` that records with a smaller number than `seq` give; 0: none.
  std::uint64_t below(const WriterId& other, std::uint64_t seq) const;

 private:
  struct Step {
    std::uint64_t seq;
    std::uint64_t known;
  };
  std::map<WriterId, std::vector<Step>> steps_;  // ascending
};

// A record with what its chain knows. The chain's knowledge has to be complete when it is asked.
struct Knowing {
  const SeenRecord* record = nullptr;
  const ChainKnowledge* chain = nullptr;
  // The largest number of this chain that the record knows. Of its own chain it is the number
  // before its own: of two records of one number, neither knows the other.
  std::uint64_t of(const WriterId& writer) const;
};

// A change together with the record that has it.
template <typename T>
struct Placed {
  const T* change;
  Knowing by;
};

bool is_before(const SeenRecord& a, const Knowing& b);

// Of one record, both changes have to be elements of its list.
template <typename A, typename B>
bool comes_before(const Placed<A>& a, const Placed<B>& b) {
  if (a.by.record == b.by.record) return std::less<const void*>{}(a.change, b.change);
  return is_before(*a.by.record, b.by);
}

// Changes are collected chain by chain in order, so of one chain only the last can win; of a fork,
// each end.
template <typename T>
void keep_latest_of_chain(std::vector<Placed<T>>& kept, const Placed<T>& next) {
  const bool same_chain = !kept.empty() && kept.back().by.record->record.writer == next.by.record->record.writer;
  if (same_chain &&
      (kept.back().by.record->record.seq < next.by.record->record.seq || kept.back().by.record == next.by.record)) {
    kept.back() = next;
  } else {
    kept.push_back(next);
  }
}

// The latest of several changes: no other is after it, and among concurrent ones its record has the
// largest hash. With forked chains there can be a cycle in which each change is before another one.
// Then the last changes of the chains count as concurrent. Null when there is none.
template <typename T>
const Placed<T>* latest(std::span<const Placed<T>> all) {
  const Placed<T>* best = nullptr;
  const Placed<T>* best_of_ring = nullptr;
  // Of one record, the later change counts.
  const auto prefer = [](const Placed<T>*& kept, const Placed<T>& one) {
    if (kept == nullptr || one.by.record->hash >= kept->by.record->hash) kept = &one;
  };
  for (const auto& one : all) {
    bool superseded = false;
    bool chain_goes_on = false;
    for (const auto& other : all) {
      if (&other == &one || !is_before(*one.by.record, other.by)) continue;
      superseded = true;
      chain_goes_on = chain_goes_on || one.by.record->record.writer == other.by.record->record.writer;
    }
    if (!superseded) prefer(best, one);
    if (!chain_goes_on) prefer(best_of_ring, one);
  }
  return best != nullptr ? best : best_of_ring;
}

// The changes that end something, such as `untagged` of one tag. Answers for many changes in turn
// whether any of these is after it.
template <typename T>
class Endings {
 public:
  void add(const Placed<T>& ending) { endings_.push_back(ending); }
  template <typename Made>
  bool any_after(const Placed<Made>& made) const {
    if (endings_.empty()) return false;
    const LogRecord& record = made.by.record->record;
    auto known = known_.find(record.writer);
    if (known == known_.end()) {
      std::uint64_t most = 0;
      for (const auto& ending : endings_) most = std::max(most, ending.by.of(record.writer));
      known = known_.emplace(record.writer, most).first;
    }
    if (record.seq <= known->second) return true;
    for (const auto& ending : endings_) {  // those in the same record
      if (ending.by.record == made.by.record && comes_before(made, ending)) return true;
    }
    return false;
  }

 private:
  std::vector<Placed<T>> endings_;
  mutable std::map<WriterId, std::uint64_t> known_;  // the most that any of them knows of a chain
};

}  // namespace modelfloat
