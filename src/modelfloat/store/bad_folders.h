#pragma once
// Listings that go folder by folder: one bad folder does not hide what lies in the others.

#include <optional>
#include <string>

#include "modelfloat/base/error.h"

namespace modelfloat::store {

// The trouble of one listing. Used by one thread.
class BadFolders {
 public:
  // Call it where `error` is caught, and go on with the next folder. Throws `error` on when it is not of one folder alone: the
  // store is away, asks for a rest or the call is over. Also when too many folders fail in a way that may pass.
  void note(const Error& error) {
    const bool is_over = error.kind == ErrorKind::offline || error.kind == ErrorKind::cancelled ||
                         error.kind == ErrorKind::timed_out || error.kind == ErrorKind::rate_limited;
    if (is_over) throw error;
    if (error.kind == ErrorKind::transient && ++passing_ > k_most_passing) throw error;
    if (!first_) first_ = error;
    ++count_;
  }

  // Throws the first Error that was noted: the listing is not complete.
  void report() const {
    if (!first_) return;
    if (count_ == 1) throw *first_;
    const std::string_view text = std::string_view(first_->what()).substr(first_->where.size() + 2);
    throw Error(first_->kind, first_->where, std::string(text) + " (and " + std::to_string(count_ - 1) + " more)");
  }

 private:
  static constexpr unsigned k_most_passing = 4;
  std::optional<Error> first_;
  unsigned count_ = 0;
  unsigned passing_ = 0;
};

}  // namespace modelfloat::store
