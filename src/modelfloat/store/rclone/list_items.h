#pragma once
// The items of an rclone listing one by one, as the answer comes: {"list": [{...}, {...}]}.

#include <functional>
#include <string>

#include "modelfloat/base/bytes.h"

namespace modelfloat::store::rclone {

// Holds one item at a time. Takes apart no more than it must: each item is JSON still to be read.
class ListItems {
 public:
  // `where` is for messages.
  ListItems(std::string where, std::function<void(std::string_view json)> on_item)
      : where_(std::move(where)), on_item_(std::move(on_item)) {}

  // Error{transient} when it is no such answer. What the callback throws comes out.
  void feed(ByteSpan piece);
  // Error{transient} when the answer is not whole.
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
