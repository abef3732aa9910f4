#pragma once
// Splits an rclone listing into its items while the answer arrives: {"list": [{...}, {...}]}.

#include <functional>
#include <string>

#include "modelfloat/base/bytes.h"

namespace modelfloat::store::rclone {

// Keeps one item in memory at a time. Items are not parsed: the callback gets each item's JSON.
// Used by one thread.
class ListItems {
 public:
  // `where` is for messages.
  ListItems(std::string where, std::function<void(std::string_view json)> on_item)
      : where_(std::move(where)), on_item_(std::move(on_item)) {}

  // Reads the next piece and calls the callback for each complete item. Throws Error{transient}
  // when it is no such answer, and what the callback throws.
  void feed(ByteSpan piece);
  // Throws Error{transient} when the answer is incomplete.
  void finish() const;

 private:
  void feed(char c);

  const std::string where_;
  const std::function<void(std::string_view)> on_item_;
  std::size_t depth_ = 0;  // 1 in the answer, 2 in its list, 3 in an item
  bool in_text_ = false;
  bool escaped_ = false;
  bool ended_ = false;
  std::string item_;
};

}  // namespace modelfloat::store::rclone
