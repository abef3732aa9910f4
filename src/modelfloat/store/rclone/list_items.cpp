#include "modelfloat/store/rclone/list_items.h"

#include "modelfloat/base/error.h"

namespace modelfloat::store::rclone {

static constexpr std::size_t k_item_depth = 3;
static constexpr std::size_t k_longest_item = std::size_t{64} << 10;

void ListItems::feed(ByteSpan piece) {
  for (const char c : as_text(piece)) feed(c);
}

void ListItems::feed(char c) {
  if (ended_ && std::string_view(" \r\n\t").find(c) == std::string_view::npos)
    throw Error(ErrorKind::transient, where_, "rclone's answer goes on behind its end");
  const bool opens = !in_text_ && (c == '{' || c == '[');
  const bool closes = !in_text_ && (c == '}' || c == ']');
  if (depth_ == 0 && !opens && std::string_view(" \r\n\t").find(c) == std::string_view::npos)
    throw Error(ErrorKind::transient, where_, "rclone's answer makes no sense");
  if (opens) ++depth_;
  if (depth_ >= k_item_depth) {
    if (item_.size() == k_longest_item)
      throw Error(ErrorKind::transient, where_, "rclone's answer has an item that is too long");
    item_ += c;
  }
  if (escaped_) {
    escaped_ = false;
  } else if (in_text_ && c == '\\') {
    escaped_ = true;
  } else if (c == '"') {
    in_text_ = !in_text_;
  }
  if (!closes) return;
  if (depth_ == k_item_depth) {
    on_item_(item_);
    item_.clear();
  }
  ended_ = --depth_ == 0;
}

void ListItems::finish() const {
  if (!ended_) throw Error(ErrorKind::transient, where_, "rclone's answer is cut short");
}

}  // namespace modelfloat::store::rclone
