#include "modelfloat/mf1/cbor.h"

#include <string>

#include "modelfloat/base/error.h"
#include "modelfloat/base/utf8.h"

namespace modelfloat::mf1 {
namespace {

enum Major : unsigned { k_number = 0, k_negative = 1, k_bytes = 2, k_text = 3, k_array = 4, k_map = 5, k_simple = 7 };

bool comes_before(ByteSpan a, ByteSpan b) noexcept {
  return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end());
}

// Bytes of the argument behind the first byte: 24 to 27 mean 1, 2, 4 and 8.
std::size_t argument_bytes(unsigned information) noexcept { return std::size_t{1} << (information - 24); }

// The smallest argument that needs that many bytes.
std::uint64_t least_argument(unsigned information) noexcept {
  return information == 24 ? 24 : std::uint64_t{1} << (8 * argument_bytes(information - 1));
}

}  // namespace

void CborWriter::head(unsigned major, std::uint64_t argument) {
  if (argument < 24) {
    out_.push_back(static_cast<std::byte>(major << 5 | argument));
    return;
  }
  unsigned information = 27;
  while (argument < least_argument(information)) --information;
  out_.push_back(static_cast<std::byte>(major << 5 | information));
  for (std::size_t left = argument_bytes(information); left > 0; --left) {
    out_.push_back(static_cast<std::byte>(argument >> (8 * (left - 1))));
  }
}

void CborWriter::bytes(ByteSpan value) {
  head(k_bytes, value.size());
  append(out_, value);
}

void CborWriter::text(std::string_view value) {
  if (!is_utf8(value)) throw Error(ErrorKind::invalid, "CBOR", "a text is not valid UTF-8");
  head(k_text, value.size());
  append(out_, as_bytes(value));
}

void CborWriter::boolean(bool value) { head(k_simple, value ? 21 : 20); }

void CborWriter::encoded(ByteSpan item) { out_.insert(out_.end(), item.begin(), item.end()); }

void CborWriter::map(CborMap map) {
  auto& members = map.members_;
  std::sort(members.begin(), members.end(), [](const auto& a, const auto& b) { return comes_before(a.key, b.key); });
  const auto same_key = [](const auto& a, const auto& b) { return a.key == b.key; };
  if (std::adjacent_find(members.begin(), members.end(), same_key) != members.end()) {
    throw Error(ErrorKind::internal, "CBOR", "a map key was written twice");
  }
  head(k_map, members.size());
  for (const auto& member : members) {
    append(out_, member.key);
    append(out_, member.value.view());
  }
}

CborWriter& CborMap::add(CborWriter key) { return members_.emplace_back(Member{key.take(), {}}).value; }

CborWriter& CborMap::add_text_key(std::string_view key) {
  CborWriter encoded;
  encoded.text(key);
  return add(std::move(encoded));
}

CborWriter& CborMap::add_bytes_key(ByteSpan key) {
  CborWriter encoded;
  encoded.bytes(key);
  return add(std::move(encoded));
}

CborMap& CborMap::number(std::string_view key, std::uint64_t value) {
  add_text_key(key).number(value);
  return *this;
}

CborMap& CborMap::bytes(std::string_view key, ByteSpan value) {
  add_text_key(key).bytes(value);
  return *this;
}

CborMap& CborMap::text(std::string_view key, std::string_view value) {
  add_text_key(key).text(value);
  return *this;
}

Bytes CborMap::encoded() && {
  CborWriter writer;
  writer.map(std::move(*this));
  return writer.take();
}

void CborReader::fail(std::string_view what) { throw Error(ErrorKind::corrupt, "CBOR", what); }

ByteSpan CborReader::take(std::uint64_t count) {
  if (count > rest_.size()) fail("ends too early");
  const ByteSpan front = rest_.first(static_cast<std::size_t>(count));
  rest_ = rest_.subspan(front.size());
  return front;
}

CborReader::Head CborReader::head() {
  const auto first = std::to_integer<unsigned>(take(1)[0]);
  const unsigned information = first & 31;
  Head head{first >> 5, information};
  if (information < 24) return head;
  if (information > 27) fail("an item has no definite length");
  head.argument = 0;
  for (const std::byte byte : take(argument_bytes(information))) {
    head.argument = head.argument << 8 | std::to_integer<std::uint64_t>(byte);
  }
  if (head.argument < least_argument(information)) fail("a number is not written in its shortest form");
  return head;
}

std::uint64_t CborReader::expect(unsigned major) {
  const Head found = head();
  if (found.major != major) fail("an item is of another type than expected");
  return found.argument;
}

std::uint64_t CborReader::number(std::uint64_t max) {
  const std::uint64_t value = expect(k_number);
  if (value > max) fail("a number is too large");
  return value;
}

ByteSpan CborReader::bytes() { return take(expect(k_bytes)); }

std::string_view CborReader::text() {
  const std::string_view value = as_text(take(expect(k_text)));
  if (!is_utf8(value)) fail("a text is not valid UTF-8");
  return value;
}

std::size_t CborReader::array(std::size_t max) {
  const std::uint64_t count = expect(k_array);
  if (count > max) fail("an array has too many items");
  if (count > rest_.size()) fail("an array has more items than bytes are left");
  return static_cast<std::size_t>(count);
}

void CborReader::tuple(std::size_t count) {
  if (array() != count) fail("an array has a wrong number of items");
}

std::size_t CborReader::map_head() {
  const std::uint64_t count = expect(k_map);
  if (count > rest_.size() / 2) fail("a map has more members than bytes are left");
  return static_cast<std::size_t>(count);
}

ByteSpan CborReader::check_key_order(ByteSpan previous) const {
  CborReader behind = *this;
  const Head found = behind.head();
  if (found.major != k_text && found.major != k_bytes && found.major != k_number) fail("a map key has an odd type");
  if (found.major != k_number) behind.take(found.argument);
  const ByteSpan key = rest_.first(rest_.size() - behind.rest_.size());
  if (!previous.empty() && !comes_before(previous, key)) fail("map keys are not in order, or one comes twice");
  return key;
}

void CborReader::skip_item(int depth) {
  if (depth == 0) fail("items are nested too deeply");
  const CborReader at_head = *this;
  const Head found = head();
  switch (found.major) {
    case k_number:
    case k_negative: return;
    case k_bytes: take(found.argument); return;
    case k_text: *this = at_head, text(); return;
    case k_array:
      *this = at_head;
      for (std::size_t left = array(); left > 0; --left) skip_item(depth - 1);
      return;
    case k_map:
      *this = at_head;
      each_member([&] {
        skip_item(depth - 1);
        skip_item(depth - 1);
      });
      return;
    default: break;
  }
  // false, true and null may come one day as values of unknown keys; tags and floats never.
  if (found.major != k_simple || found.argument < 20 || found.argument > 22) fail("has a tag, a float or an odd value");
}

bool CborReader::is_true() {
  constexpr std::byte k_true{0xf5};
  const ByteSpan value = item();
  return value.size() == 1 && value.front() == k_true;
}

ByteSpan CborReader::item() {
  const ByteSpan before = rest_;
  skip();
  return before.first(before.size() - rest_.size());
}

void CborReader::finish() const {
  if (!rest_.empty()) fail("bytes follow the end");
}

CborMembers::CborMembers(CborReader& from) {
  from.map([&](std::string_view key) {
    if (members_.size() == k_max_count) CborReader::fail("a map has too many members");
    members_.emplace_back(key, from);
    from.skip();
  });
}

CborMembers CborMembers::of(ByteSpan document) {
  CborReader from(document);
  CborMembers members(from);
  from.finish();
  return members;
}

std::optional<CborReader> CborMembers::find(std::string_view key) const noexcept {
  for (const auto& [known, value] : members_) {
    if (known == key) return value;
  }
  return std::nullopt;
}

CborReader CborMembers::at(std::string_view key) const {
  const auto value = find(key);
  if (!value) CborReader::fail("a map has no \"" + std::string(key) + "\"");
  return *value;
}

void CborMembers::require_kind(std::string_view kind) const {
  if (at("kind").text() != kind) CborReader::fail("is not of the kind that was expected");
}

}  // namespace modelfloat::mf1
