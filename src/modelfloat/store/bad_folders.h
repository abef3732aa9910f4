#pragma once
// Listings that go folder by folder: one bad folder does not hide what lies in the others.

#include <exception>
#include <string>
#include <string_view>

#include "modelfloat/base/error.h"

namespace modelfloat::store {

// The trouble of one listing. Used by one thread.
class BadFolders {
 public:
  // Keeps `error`, so that the caller can go on with the next folder. Throws it when it is not of
  // one folder alone: the store is away, asks for a rest or the call is over. Also when too many
  // folders fail in a way that may pass.
  void record(const Error& error) {
    const bool is_over = error.kind == ErrorKind::offline || error.kind == ErrorKind::cancelled ||
                         error.kind == ErrorKind::timed_out || error.kind == ErrorKind::rate_limited;
    const auto kept = std::make_exception_ptr(error);
    if (is_over) std::rethrow_exception(kept);
    if (error.kind == ErrorKind::transient && ++passing_ > k_most_passing) std::rethrow_exception(kept);
    if (!first_) first_ = kept;
    ++count_;
  }

  // Throws the first Error that was noted: the listing is not complete.
  void report() const {
    if (!first_) return;
    try {
      std::rethrow_exception(first_);
    } catch (const Error& error) {
      if (count_ == 1) throw;
      const std::string_view text = std::string_view(error.what()).substr(error.where.size() + 2);
      throw Error(error.kind, error.where, std::string(text) + " (and " + std::to_string(count_ - 1) + " more)");
    }
  }

 private:
  static constexpr unsigned k_most_passing = 4;
  std::exception_ptr first_;
  unsigned count_ = 0;
  unsigned passing_ = 0;
};

}  // namespace modelfloat::store
