#pragma once
// The few forms of AES-128 that MEGA is made of, its base64, and the two halves of a file's key.
// docs/stores/mega.md says what is what.

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "modelfloat/base/bytes.h"
#include "modelfloat/base/hex.h"

namespace modelfloat::store::mega {

constexpr std::size_t k_block_bytes = 16;
using Block = std::array<std::byte, k_block_bytes>;

// As OpenSSL takes and gives bytes.
inline const unsigned char* raw(ByteSpan bytes) { return reinterpret_cast<const unsigned char*>(bytes.data()); }
inline unsigned char* raw(MutableByteSpan bytes) { return reinterpret_cast<unsigned char*>(bytes.data()); }

// AES-128 without padding, in place. `key` has 16 bytes and `blocks` whole blocks, else
// Error{internal}.
void encrypt_ecb(ByteSpan key, MutableByteSpan blocks);
void decrypt_ecb(ByteSpan key, MutableByteSpan blocks);
// The same by CBC from a block of zeros on.
void encrypt_cbc(ByteSpan key, MutableByteSpan blocks);
void decrypt_cbc(ByteSpan key, MutableByteSpan blocks);

// What a file's node key consists of.
struct FileKey {
  static constexpr std::size_t k_bytes = 32;

  Block key;                       // of AES
  std::array<std::byte, 8> nonce;  // where the counter starts
  std::array<std::byte, 8> mac;    // of the whole content

  static FileKey unpack(std::span<const std::byte, k_bytes> node_key);
  std::array<std::byte, k_bytes> pack() const;
};

// Encrypts or decrypts (it is the same) what lies at `offset` of a file's content. `out` is as long
// as `in`, and may be the same bytes.
void crypt_content(const FileKey& key, std::uint64_t offset, ByteSpan in, MutableByteSpan out);

// The MACs of a file's chunks, one after the other from the first, and the MAC of them all.
class ContentMac {
 public:
  ContentMac(const Block& key, const std::array<std::byte, 8>& nonce) : key_(key), nonce_(nonce) {}
  // The next bytes of the plain content, in pieces of any length.
  void update(ByteSpan plain);
  // Ends it.
  std::array<std::byte, 8> finish();

 private:
  void end_chunk();

  Block key_;
  std::array<std::byte, 8> nonce_;
  std::uint64_t position_ = 0;
  Bytes part_;       // of a block that a piece ended in
  Block chunk_{};    // the MAC of the chunk so far
  Block chained_{};  // over the chunks before
};

// Where the chunk that begins at or holds `offset` ends, in a file without end: after 128 KiB, then
// 256 KiB more, and so on up to 1 MiB, which is the length of all later ones.
std::uint64_t end_of_chunk(std::uint64_t offset);

}  // namespace modelfloat::store::mega
