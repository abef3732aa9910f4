#pragma once
// Errors of single folders in a listing: one bad folder does not hide the objects in the others.

#include <exception>
#include <string>
#include <string_view>

#include "modelfloat/base/error.h"

namespace modelfloat::store {

// The errors of one listing. Used by one thread.
class BadFolders {
 public:
  // Records the error of one folder, so that the caller can continue with the next one. Throws it
  // at once if it concerns more than that folder: the store is offline, asked for a pause, or the
  // call was cancelled or timed out. Also throws it when too many folders failed with
  // Error{transient}.
  void record(const Error& error) {
    const bool is_over = error.kind == ErrorKind::offline || error.kind == ErrorKind::cancelled ||
                         error.kind == ErrorKind::timed_out || error.kind == ErrorKind::rate_limited;
    const auto kept = std::make_exception_ptr(error);
    if (is_over) std::rethrow_exception(kept);
    if (error.kind == ErrorKind::transient && ++passing_ > k_most_passing) std::rethrow_exception(kept);
    if (!first_) first_ = kept;
    ++count_;
  }

  // Throws the first Error that was recorded, if any: the listing is incomplete.
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
