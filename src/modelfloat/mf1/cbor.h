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

// Encodes CBOR items, one after the other. After array(n) the caller must write exactly n items.
class CborWriter {
 public:
  void number(std::uint64_t value) { head(0, value); }
  void bytes(ByteSpan value);
  void text(std::string_view value);
  void array(std::size_t count) { head(4, count); }
  void boolean(bool value);
  // Writes an item that is encoded already.
  void encoded(ByteSpan item);
  // Writes a map with its members in the deterministic order. Error{internal} for a duplicate
  // key.
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
  // The encoded map as a separate byte string.
  Bytes encoded() &&;
  // Adds a member. `write` gets a CborWriter& and must write exactly one item.
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

// Decodes untrusted bytes, item by item from the front. Each method throws Error{corrupt} unless
// the next item has the requested type in its deterministic encoding. So numbers that are not in
// their shortest form, unsorted or duplicate keys, and text that is not UTF-8 are rejected. Every
// length is compared with the remaining bytes before it is used. Returned views point into the
// input.
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
  // Reads the head of an array and returns the number of its items. Error{corrupt} for more than
  // `max` items, or more than there are bytes left.
  std::size_t array(std::size_t max = SIZE_MAX);
  // Reads the head of an array that must have exactly `count` items.
  void tuple(std::size_t count);

  // Calls member(key) for each member of a map with text keys. `member` must read the value.
  template <typename Member>
  void map(Member&& member) {
    each_member([&] { member(text()); });
  }
  // The same for a map with byte-string keys of N bytes.
  template <std::size_t N, typename Member>
  void bytes_map(Member&& member) {
    each_member([&] { member(fixed<N>()); });
  }

  // Whether the next item is `true`; any item is read.
  bool is_true();
  // Reads one item of any kind and returns its bytes.
  ByteSpan item();
  // Skips one item. Error{corrupt} when it is not well-formed or nested deeper than k_max_depth.
  void skip() { skip_item(k_max_depth); }
  bool at_end() const noexcept { return rest_.empty(); }
  // Error{corrupt} unless all bytes have been read.
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

// A map with text keys, whose members are looked up by name. Values that are not looked up are
// only checked to be well-formed.
class CborMembers {
 public:
  // Reads one map from the reader. Error{corrupt} for more than k_max_count members.
  explicit CborMembers(CborReader& from);
  // For a document that consists of one map.
  static CborMembers of(ByteSpan document);

  // A reader that is positioned at the member's value. When there is no such member, at() throws
  // Error{corrupt} and find() returns nullopt.
  CborReader at(std::string_view key) const;
  std::optional<CborReader> find(std::string_view key) const noexcept;
  // Error{corrupt} unless the member "kind" has this value.
  void require_kind(std::string_view kind) const;

 private:
  static constexpr std::size_t k_max_count = 256;
  std::vector<std::pair<std::string_view, CborReader>> members_;
};

}  // namespace modelfloat::mf1
