#include "modelfloat/store/ipfs/cid.h"

#include <algorithm>
#include <vector>

#include "modelfloat/base/hex.h"
#include "modelfloat/crypto/hash.h"

namespace modelfloat::store::ipfs {
namespace {

// Of one node, in what every implementation makes by default.
constexpr std::size_t k_most_links = 174;
constexpr std::size_t k_longest_text = 256;
constexpr std::byte k_sha256_code{0x12};
constexpr std::byte k_sha256_length{32};

void append_varint(Bytes& to, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) to.push_back(static_cast<std::byte>((value & 0x7f) | 0x80));
  to.push_back(static_cast<std::byte>(value));
}

std::optional<std::uint64_t> take_varint(ByteSpan& from) {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 63 && !from.empty(); shift += 7) {
    const auto byte = std::to_integer<std::uint64_t>(from.front());
    from = from.subspan(1);
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
  return std::nullopt;
}

std::optional<Bytes> from_base58(std::string_view text) {
  static constexpr std::string_view k_digits = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
  std::vector<unsigned> number;  // base 256, the lowest place first
  for (const char c : text) {
    const auto digit = k_digits.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    auto carry = static_cast<unsigned>(digit);
    for (unsigned& place : number) {
      carry += place * 58;
      place = carry & 0xff;
      carry >>= 8;
    }
    if (carry != 0) number.push_back(carry);
  }
  Bytes bytes(std::min(text.find_first_not_of('1'), text.size()), std::byte{0});
  std::for_each(number.rbegin(), number.rend(),
                [&](unsigned place) { bytes.push_back(static_cast<std::byte>(place)); });
  return bytes;
}

bool is_multihash(ByteSpan bytes) {
  const auto code = take_varint(bytes);
  const auto length = take_varint(bytes);
  return code && length && *length == bytes.size() && !bytes.empty();
}

Bytes sha256_multihash(ByteSpan bytes) {
  const Hash256 hash = crypto::sha256(bytes);
  Bytes multihash{k_sha256_code, k_sha256_length};
  append(multihash, hash);
  return multihash;
}

Bytes to_binary(const Cid& cid) {
  Bytes bytes{std::byte{1}};
  append_varint(bytes, cid.codec);
  append(bytes, cid.multihash);
  return bytes;
}

// A field of a protocol buffer.
void append_field(Bytes& to, unsigned number, ByteSpan value) {
  append_varint(to, number << 3 | 2);
  append_varint(to, value.size());
  append(to, value);
}
void append_field(Bytes& to, unsigned number, std::uint64_t value) {
  append_varint(to, number << 3);
  append_varint(to, value);
}

}  // namespace

std::optional<Cid> parse_cid(std::string_view text) {
  if (text.empty() || text.size() > k_longest_text) return std::nullopt;
  if (text.size() == 46 && text.starts_with("Qm")) {
    auto multihash = from_base58(text);
    if (!multihash || multihash->size() != 34 || !is_multihash(*multihash)) return std::nullopt;
    return Cid{k_codec_dag_pb, std::move(*multihash)};
  }
  std::optional<Bytes> bytes;
  if (text.front() == 'b') bytes = from_base32(text.substr(1));
  if (text.front() == 'z') bytes = from_base58(text.substr(1));
  if (!bytes) return std::nullopt;
  ByteSpan rest = *bytes;
  const auto version = take_varint(rest);
  const auto codec = take_varint(rest);
  if (version != 1 || !codec || !is_multihash(rest)) return std::nullopt;
  return Cid{*codec, to_bytes(rest)};
}

std::string to_string(const Cid& cid) { return "b" + to_base32(to_binary(cid)); }

std::optional<Cid> cid_of_file(ByteSpan bytes) {
  if (bytes.size() <= k_chunk_bytes) return Cid{k_codec_raw, sha256_multihash(bytes)};
  if (bytes.size() > k_most_links * k_chunk_bytes) return std::nullopt;
  Bytes node;
  Bytes file;                               // the UnixFS message inside it
  append_field(file, 1, std::uint64_t{2});  // a file
  append_field(file, 3, std::uint64_t{bytes.size()});
  for (; !bytes.empty(); bytes = bytes.subspan(std::min(k_chunk_bytes, bytes.size()))) {
    const ByteSpan chunk = bytes.first(std::min(k_chunk_bytes, bytes.size()));
    append_field(file, 4, std::uint64_t{chunk.size()});
    Bytes link;
    append_field(link, 1, to_binary({k_codec_raw, sha256_multihash(chunk)}));
    append_field(link, 2, ByteSpan{});  // no name
    append_field(link, 3, std::uint64_t{chunk.size()});
    append_field(node, 2, link);
  }
  append_field(node, 1, file);
  return Cid{k_codec_dag_pb, sha256_multihash(node)};
}

}  // namespace modelfloat::store::ipfs
