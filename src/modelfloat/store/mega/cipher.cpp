#include "modelfloat/store/mega/cipher.h"

#include <algorithm>
#include <memory>

#include <openssl/evp.h>

#include "modelfloat/base/error.h"

namespace modelfloat::store::mega {
namespace {

constexpr std::uint64_t k_chunk_step = std::uint64_t{128} << 10;
constexpr std::uint64_t k_longest_chunk = std::uint64_t{1} << 20;

struct FreeContext {
  void operator()(EVP_CIPHER_CTX* context) const noexcept { EVP_CIPHER_CTX_free(context); }
};

[[noreturn]] void fail() { throw Error(ErrorKind::internal, "AES", "OpenSSL refuses"); }

// One key and mode; feeds any number of bytes.
class Cipher {
 public:
  enum class Direction { decrypt, encrypt };

  Cipher(const EVP_CIPHER* kind, ByteSpan key, ByteSpan iv, Direction direction) : context_(EVP_CIPHER_CTX_new()) {
    const unsigned char* start = iv.empty() ? nullptr : raw(iv);
    if (key.size() != k_block_bytes || !context_ ||
        EVP_CipherInit_ex(context_.get(), kind, nullptr, raw(key), start, direction == Direction::encrypt ? 1 : 0) !=
            1 ||
        EVP_CIPHER_CTX_set_padding(context_.get(), 0) != 1) {
      fail();
    }
  }
  void run(ByteSpan in, MutableByteSpan out) {
    constexpr std::size_t k_at_once = std::size_t{1} << 30;  // OpenSSL counts in int
    while (!in.empty()) {
      const std::size_t step = std::min(in.size(), k_at_once);
      int written = 0;
      if (EVP_CipherUpdate(context_.get(), raw(out), &written, raw(in), static_cast<int>(step)) != 1 ||
          static_cast<std::size_t>(written) != step) {
        fail();
      }
      in = in.subspan(step);
      out = out.subspan(step);
    }
  }

 private:
  std::unique_ptr<EVP_CIPHER_CTX, FreeContext> context_;
};

void run_blocks(const EVP_CIPHER* kind, ByteSpan key, MutableByteSpan blocks, Cipher::Direction direction) {
  if (blocks.size() % k_block_bytes != 0) throw Error(ErrorKind::internal, "AES", "these are no whole blocks");
  const Block zeros{};
  Cipher(kind, key, zeros, direction).run(blocks, blocks);
}

// Goes on with a CBC-MAC: `mac` becomes the MAC of all before it and these whole blocks.
void mac_blocks(const Block& key, Block& mac, ByteSpan blocks) {
  std::array<std::byte, std::size_t{16} << 10> scratch;
  Cipher cipher(EVP_aes_128_cbc(), key, mac, Cipher::Direction::encrypt);
  while (!blocks.empty()) {
    const std::size_t step = std::min(blocks.size(), scratch.size());
    cipher.run(blocks.first(step), scratch);
    std::copy_n(scratch.begin() + static_cast<std::ptrdiff_t>(step - k_block_bytes), k_block_bytes, mac.begin());
    blocks = blocks.subspan(step);
  }
}

Block start_of_chunk_mac(const std::array<std::byte, 8>& nonce) {
  Block start;
  std::copy(nonce.begin(), nonce.end(), start.begin());
  std::copy(nonce.begin(), nonce.end(), start.begin() + 8);
  return start;
}

}  // namespace

void encrypt_ecb(ByteSpan key, MutableByteSpan blocks) {
  run_blocks(EVP_aes_128_ecb(), key, blocks, Cipher::Direction::encrypt);
}
void decrypt_ecb(ByteSpan key, MutableByteSpan blocks) {
  run_blocks(EVP_aes_128_ecb(), key, blocks, Cipher::Direction::decrypt);
}
void encrypt_cbc(ByteSpan key, MutableByteSpan blocks) {
  run_blocks(EVP_aes_128_cbc(), key, blocks, Cipher::Direction::encrypt);
}
void decrypt_cbc(ByteSpan key, MutableByteSpan blocks) {
  run_blocks(EVP_aes_128_cbc(), key, blocks, Cipher::Direction::decrypt);
}

FileKey FileKey::unpack(std::span<const std::byte, k_bytes> node_key) {
  FileKey result;
  std::copy_n(node_key.begin() + 16, 8, result.nonce.begin());
  std::copy_n(node_key.begin() + 24, 8, result.mac.begin());
  for (std::size_t i = 0; i < k_block_bytes; ++i) result.key[i] = node_key[i] ^ node_key[i + k_block_bytes];
  return result;
}

std::array<std::byte, FileKey::k_bytes> FileKey::pack() const {
  std::array<std::byte, k_bytes> node_key;
  std::copy(nonce.begin(), nonce.end(), node_key.begin() + 16);
  std::copy(mac.begin(), mac.end(), node_key.begin() + 24);
  for (std::size_t i = 0; i < k_block_bytes; ++i) node_key[i] = key[i] ^ node_key[i + k_block_bytes];
  return node_key;
}

void crypt_content(const FileKey& key, std::uint64_t offset, ByteSpan in, MutableByteSpan out) {
  Block counter;
  std::copy(key.nonce.begin(), key.nonce.end(), counter.begin());
  const std::uint64_t block = offset / k_block_bytes;
  for (unsigned i = 0; i < 8; ++i) counter[8 + i] = static_cast<std::byte>(block >> (56 - 8 * i));
  Cipher cipher(EVP_aes_128_ctr(), key.key, counter, Cipher::Direction::encrypt);
  Block skipped{};
  const MutableByteSpan before = MutableByteSpan(skipped).first(offset % k_block_bytes);
  cipher.run(before, before);
  cipher.run(in, out);
}

std::uint64_t end_of_chunk(std::uint64_t offset) {
  std::uint64_t end = 0;
  for (std::uint64_t length = k_chunk_step; length < k_longest_chunk; length += k_chunk_step) {
    end += length;
    if (offset < end) return end;
  }
  return end + (offset - end) / k_longest_chunk * k_longest_chunk + k_longest_chunk;
}

void ContentMac::update(ByteSpan plain) {
  while (!plain.empty()) {
    const std::uint64_t end = end_of_chunk(position_);
    if (position_ == 0 || end_of_chunk(position_ - 1) == position_) chunk_ = start_of_chunk_mac(nonce_);
    ByteSpan piece = plain.first(std::min<std::uint64_t>(plain.size(), end - position_));
    plain = plain.subspan(piece.size());
    position_ += piece.size();
    if (!part_.empty()) {  // chunks are whole blocks, so a block never straddles two
      const std::size_t missing = std::min(piece.size(), k_block_bytes - part_.size());
      append(part_, piece.first(missing));
      piece = piece.subspan(missing);
      if (part_.size() == k_block_bytes) {
        mac_blocks(key_, chunk_, part_);
        part_.clear();
      }
    }
    const std::size_t whole = piece.size() / k_block_bytes * k_block_bytes;
    mac_blocks(key_, chunk_, piece.first(whole));
    append(part_, piece.subspan(whole));
    if (position_ == end) end_chunk();
  }
}

void ContentMac::end_chunk() {
  if (!part_.empty()) {
    part_.resize(k_block_bytes, std::byte{0});
    mac_blocks(key_, chunk_, part_);
    part_.clear();
  }
  mac_blocks(key_, chained_, chunk_);
}

std::array<std::byte, 8> ContentMac::finish() {
  if (position_ != 0 && end_of_chunk(position_ - 1) != position_) end_chunk();
  std::array<std::byte, 8> mac;
  for (std::size_t i = 0; i < 4; ++i) {
    mac[i] = chained_[i] ^ chained_[i + 4];
    mac[i + 4] = chained_[i + 8] ^ chained_[i + 12];
  }
  return mac;
}

}  // namespace modelfloat::store::mega
