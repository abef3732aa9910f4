#pragma once
// The deterministic part of CBOR that MF1 writes: RFC 8949 section 4.2.1 without tags and floats.

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "modelfloat/base/bytes.h"

namespace modelfloat::mf1 {

class CborMap;

// Appends items. Who writes an array writes as many items after it as it said.
class CborWriter {
 public:
  void number(std::uint64_t value) { head(0, value); }
  void bytes(ByteSpan value);
  void text(std::string_view value);
  void array(std::size_t count) { head(4, count); }
  // Puts the members into their order. Error{internal} when a key comes twice.
  void map(CborMap members);

  ByteSpan view() const noexcept { return out_; }
  Bytes take() noexcept { return std::move(out_); }

 private:
  void head(unsigned major, std::uint64_t argument);
  Bytes out_;
};

// Members of a map, in any order.
class CborMap {
 public:
  CborMap& number(std::string_view key, std::uint64_t value);
  CborMap& bytes(std::string_view key, ByteSpan value);
  CborMap& text(std::string_view key, std::string_view value);
  // The map as bytes of its own.
  Bytes encoded() &&;
  // write(CborWriter&) writes exactly one item.
  template <typename Write>
  CborMap& item(std::string_view key, Write&& write) {
    std::forward<Write>(write)(add_text_key(key));
    return *this;
  }
  template <typename Write>
  CborMap& item(ByteSpan key, Write&& write) {
    std::forward<Write>(write)(add_bytes_key(key));
    return *this;
  }

 private:
  friend class CborWriter;
  struct Member {
    Bytes key;  // encoded
    CborWriter value;
  };
  CborWriter& add(CborWriter key);
  CborWriter& add_text_key(std::string_view key);
  CborWriter& add_bytes_key(ByteSpan key);
  std::vector<Member> members_;
};

// Takes items from the front of bytes that are not trusted. Whatever is not the one deterministic
// encoding of what was asked for is Error{corrupt}: also numbers that could be shorter, keys that
// are unsorted or come twice, text that is not UTF-8. No length is believed before it was compared
// with the bytes left. Views point into the bytes given.
class CborReader {
 public:
  explicit CborReader(ByteSpan from) noexcept : rest_(from) {}

  std::uint64_t number(std::uint64_t max = UINT64_MAX);
  // A number that fits T.
  template <typename T>
  T small() {
    return static_cast<T>(number(std::numeric_limits<T>::max()));
  }
  ByteSpan bytes();
  std::string_view text();
  template <std::size_t N>
  std::array<std::byte, N> fixed() {
    const ByteSpan value = bytes();
    if (value.size() != N) fail("a byte string has a wrong length");
    std::array<std::byte, N> copy;
    std::copy(value.begin(), value.end(), copy.begin());
    return copy;
  }
  // The number of items that follow as the array's; at most `max`, and at most the bytes left.
  std::size_t array(std::size_t max = SIZE_MAX);
  // An array of exactly `count` items.
  void tuple(std::size_t count);

  // Calls member(key) for each member of a map with text keys; it reads the value.
  template <typename Member>
  void map(Member&& member) {
    each_member([&] { member(text()); });
  }
  // The same for a map with byte-string keys of N bytes.
  template <std::size_t N, typename Member>
  void bytes_map(Member&& member) {
    each_member([&] { member(fixed<N>()); });
  }

  // Passes over one well-formed item, at most k_max_depth deep.
  void skip() { skip_item(k_max_depth); }
  bool at_end() const noexcept { return rest_.empty(); }
  // Nothing may follow.
  void finish() const;

  [[noreturn]] static void fail(std::string_view what);

 private:
  static constexpr int k_max_depth = 16;
  struct Head {
    unsigned major;
    std::uint64_t argument;
  };
  Head head();
  std::uint64_t expect(unsigned major);
  ByteSpan take(std::uint64_t count);
  std::size_t map_head();
  void skip_item(int depth);
  // Compares the encoded key in front with the one before it, which is empty for the first.
  ByteSpan check_key_order(ByteSpan previous) const;

  template <typename Member>
  void each_member(Member&& member) {
    ByteSpan previous;
    for (std::size_t left = map_head(); left > 0; --left) {
      previous = check_key_order(previous);
      member();
    }
  }

  ByteSpan rest_;
};

// The members of a map with text keys, found by name whatever their order; values that nobody asks
// for are only checked for form.
class CborMembers {
 public:
  // Takes the map off the reader. Error{corrupt} for more than k_max_count members.
  explicit CborMembers(CborReader& from);
  // Of a document that is one map.
  static CborMembers of(ByteSpan document);

  // A reader in front of the value. at() is Error{corrupt} when there is no such member.
  CborReader at(std::string_view key) const;
  std::optional<CborReader> find(std::string_view key) const noexcept;
  // Error{corrupt} unless "kind" is just this.
  void require_kind(std::string_view kind) const;

 private:
  static constexpr std::size_t k_max_count = 256;
  std::vector<std::pair<std::string_view, CborReader>> members_;
};

}  // namespace modelfloat::mf1
