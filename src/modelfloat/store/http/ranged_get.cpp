#include "modelfloat/store/http/ranged_get.h"

#include <algorithm>
#include <charconv>

#include "modelfloat/base/error.h"

namespace modelfloat::store::http {
namespace {

std::optional<std::uint64_t> take_number(std::string_view& text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

// "bytes FIRST-LAST/TOTAL", "bytes FIRST-LAST/*" or "bytes */TOTAL".
struct ContentRange {
  std::optional<std::uint64_t> first;
  std::optional<std::uint64_t> last;
  std::optional<std::uint64_t> total;
};

std::optional<ContentRange> content_range(const Response& response) {
  auto text = response.header("content-range").value_or(std::string_view());
  if (!text.starts_with("bytes ")) return std::nullopt;
  text.remove_prefix(6);
  ContentRange range;
  if (text.starts_with('*')) {
    text.remove_prefix(1);
  } else {
    range.first = take_number(text);
    if (!range.first || !text.starts_with('-')) return std::nullopt;
    text.remove_prefix(1);
    range.last = take_number(text);
    if (!range.last || *range.last < *range.first) return std::nullopt;
  }
  if (!text.starts_with('/')) return std::nullopt;
  text.remove_prefix(1);
  if (text != "*") range.total = take_number(text);
  return range;
}

// Keeps only the bytes of the range.
class Cut {
 public:
  Cut(ByteRange range, std::uint64_t longest, const std::string& where)
      : range_(range), longest_(longest), where_(where) {}

  void begin(const Response& head) {
    if (head.header("content-encoding").value_or("identity") != "identity") {
      throw Error(ErrorKind::transient, where_, "comes compressed, which was not asked for");
    }
    if (head.status == 206) return begin_part(head);
    skip_ = range_.offset;
    wanted_ = range_.length;
    if (!to_the_end()) return reserve(wanted_);
    const auto text = head.header("content-length").value_or(std::string_view());
    std::uint64_t total = 0;
    std::from_chars(text.data(), text.data() + text.size(), total);
    reserve(total > skip_ ? total - skip_ : 0);
  }

  void add(ByteSpan piece) {
    came_ += piece.size();
    const std::uint64_t skipped = std::min<std::uint64_t>(skip_, piece.size());
    skip_ -= skipped;
    piece = piece.subspan(skipped);
    if (to_the_end() && piece.size() > longest_ - std::min<std::uint64_t>(longest_, bytes_.size())) {
      throw Error(ErrorKind::corrupt, where_, "is longer than any object can be");
    }
    append(bytes_, piece.first(std::min<std::uint64_t>(piece.size(), wanted_ - bytes_.size())));
  }

  Bytes finish(const Response& response) {
    if (response.status == 206 && (bytes_.size() != wanted_ || came_ != wanted_)) throw other_range();
    if (skip_ != 0 || (!to_the_end() && bytes_.size() != range_.length)) throw too_short(came_);
    return std::move(bytes_);
  }

  // The result for a 416: empty bytes if the range begins at the end of the object.
  std::optional<Bytes> nothing(const Response& response) const {
    const auto said = content_range(response);
    if (!said || !said->total) return std::nullopt;
    if (to_the_end() && range_.offset == *said->total) return Bytes();
    throw too_short(*said->total);
  }

 private:
  bool to_the_end() const { return range_.length == ByteRange::k_to_the_end; }
  // If the end of the range cannot be represented, it ends at the largest number.
  std::uint64_t last_wanted() const { return checked_add(range_.offset, range_.length).value_or(UINT64_MAX) - 1; }
  void reserve(std::uint64_t bytes) { bytes_.reserve(std::min(bytes, longest_)); }

  Error other_range() const { return Error(ErrorKind::transient, where_, "another part came than was asked for"); }
  Error too_short(std::uint64_t size) const {
    return Error(ErrorKind::corrupt, where_, "has " + std::to_string(size) + " bytes, fewer than were asked for");
  }

  void begin_part(const Response& head) {
    const auto said = content_range(head);
    if (!said || !said->first || *said->first != range_.offset) throw other_range();
    if (said->total && *said->last >= *said->total) throw other_range();
    wanted_ = *said->last - *said->first + 1;
    const std::uint64_t last = to_the_end() ? said->total.value_or(*said->last + 1) - 1 : last_wanted();
    if (*said->last < last && said->total && *said->total <= last) throw too_short(*said->total);
    if (*said->last != last) throw other_range();
    if (wanted_ > longest_) throw Error(ErrorKind::corrupt, where_, "is longer than any object can be");
    reserve(wanted_);
  }

  const ByteRange range_;
  const std::uint64_t longest_;
  const std::string& where_;
  std::uint64_t skip_ = 0;
  std::uint64_t wanted_ = 0;
  std::uint64_t came_ = 0;
  Bytes bytes_;
};

}  // namespace

RangedAnswer ranged_get(HttpClient& client, Request request, ByteRange range, std::uint64_t longest,
                        const CallOptions& options) {
  if (range.offset != 0 || range.length != ByteRange::k_to_the_end) {
    std::string value = "bytes=" + std::to_string(range.offset) + "-";
    const auto end = checked_add(range.offset, range.length);
    if (range.length != ByteRange::k_to_the_end) value += std::to_string(end.value_or(UINT64_MAX) - 1);
    request.headers.emplace_back("Range", value);
  }
  Cut cut(range, longest, request.where);
  const auto inner = request.on_head;
  request.on_head = [&](const Response& head) {
    if (inner) inner(head);
    cut.begin(head);
  };
  request.sink = [&](ByteSpan piece) { cut.add(piece); };
  RangedAnswer answer{client.send(request, options), std::nullopt};
  if (answer.response.status == 200 || answer.response.status == 206) {
    answer.bytes = cut.finish(answer.response);
  } else if (answer.response.status == 416) {
    answer.bytes = cut.nothing(answer.response);
  }
  return answer;
}

}  // namespace modelfloat::store::http
