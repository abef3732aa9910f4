#pragma once
// The forms of AES-128 that MEGA uses, and the parts of a file's key. docs/stores/mega.md describes
// them.

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "modelfloat/base/bytes.h"
#include "modelfloat/base/hex.h"

namespace modelfloat::store::mega {

constexpr std::size_t k_block_bytes = 16;
using Block = std::array<std::byte, k_block_bytes>;

// Casts to the byte type that OpenSSL uses.
inline const unsigned char* raw(ByteSpan bytes) { return reinterpret_cast<const unsigned char*>(bytes.data()); }
inline unsigned char* raw(MutableByteSpan bytes) { return reinterpret_cast<unsigned char*>(bytes.data()); }

// AES-128 without padding, in place. `key` has 16 bytes and `blocks` whole blocks, else
// Error{internal}.
void encrypt_ecb(ByteSpan key, MutableByteSpan blocks);
void decrypt_ecb(ByteSpan key, MutableByteSpan blocks);
// The same in CBC mode, with an initialization vector of zeros.
void encrypt_cbc(ByteSpan key, MutableByteSpan blocks);
void decrypt_cbc(ByteSpan key, MutableByteSpan blocks);

// What a file's node key consists of.
struct FileKey {
  static constexpr std::size_t k_bytes = 32;

  Block key;                       // the AES key
  std::array<std::byte, 8> nonce;  // where the counter starts
  std::array<std::byte, 8> mac;    // of the whole content

  static FileKey unpack(std::span<const std::byte, k_bytes> node_key);
  std::array<std::byte, k_bytes> pack() const;
};

// Encrypts or decrypts (both are the same operation) content at `offset` of a file. `out` must be
// as long as `in` and may be the same memory.
void crypt_content(const FileKey& key, std::uint64_t offset, ByteSpan in, MutableByteSpan out);

// Computes the MAC of a file's content from the MACs of its chunks, in order. Used by one thread.
class ContentMac {
 public:
  ContentMac(const Block& key, const std::array<std::byte, 8>& nonce) : key_(key), nonce_(nonce) {}
  // Adds the next bytes of the plain content; pieces may have any length.
  void update(ByteSpan plain);
  // Ends the content and returns its MAC.
  std::array<std::byte, 8> finish();

 private:
  void end_chunk();

  Block key_;
  std::array<std::byte, 8> nonce_;
  std::uint64_t position_ = 0;
  Bytes part_;       // the incomplete last block
  Block chunk_{};    // the MAC of the chunk so far
  Block chained_{};  // the MAC of the chunks before
};

// The end of the chunk that contains `offset`. The first chunk has 128 KiB, each next one 128 KiB
// more, up to 1 MiB, which is the length of all later ones.
std::uint64_t end_of_chunk(std::uint64_t offset);

}  // namespace modelfloat::store::mega
