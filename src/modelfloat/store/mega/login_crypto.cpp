#include "modelfloat/store/mega/login_crypto.h"

#include <algorithm>
#include <memory>
#include <vector>

#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "modelfloat/base/error.h"
#include "modelfloat/base/hex.h"

namespace modelfloat::store::mega {
namespace {

constexpr int k_pbkdf2_rounds = 100'000;
constexpr unsigned k_v1_password_rounds = 65'536;
constexpr unsigned k_v1_email_rounds = 16'384;
constexpr std::size_t k_session_bytes = 43;
constexpr std::size_t k_user_offset = 16;  // of the user's handle in a session id

struct FreeNumber {
  void operator()(BIGNUM* number) const noexcept { BN_clear_free(number); }
};
using Number = std::unique_ptr<BIGNUM, FreeNumber>;
struct FreeNumberContext {
  void operator()(BN_CTX* context) const noexcept { BN_CTX_free(context); }
};

// The UTF-16 code units of a text; a byte that is no UTF-8 stands for itself.
std::vector<std::uint16_t> utf16_of(std::string_view text) {
  std::vector<std::uint16_t> units;
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = [&](std::size_t k) { return i + k < text.size() ? static_cast<unsigned char>(text[i + k]) : 0U; };
    const auto follows = [&](std::size_t count) {
      for (std::size_t k = 1; k <= count; ++k) {
        if ((byte(k) & 0xC0U) != 0x80U) return false;
      }
      return true;
    };
    const std::uint32_t first = byte(0);
    std::uint32_t point = first;
    std::size_t length = 1;
    if (first >= 0xF0 && first < 0xF8 && follows(3)) {
      point = (first & 7U) << 18 | (byte(1) & 63U) << 12 | (byte(2) & 63U) << 6 | (byte(3) & 63U);
      length = 4;
    } else if (first >= 0xE0 && first < 0xF0 && follows(2)) {
      point = (first & 15U) << 12 | (byte(1) & 63U) << 6 | (byte(2) & 63U);
      length = 3;
    } else if (first >= 0xC0 && first < 0xE0 && follows(1)) {
      point = (first & 31U) << 6 | (byte(1) & 63U);
      length = 2;
    }
    if (point >= 0x10000) {
      units.push_back(static_cast<std::uint16_t>(0xD800U + ((point - 0x10000) >> 10)));
      units.push_back(static_cast<std::uint16_t>(0xDC00U + ((point - 0x10000) & 0x3FFU)));
    } else {
      units.push_back(static_cast<std::uint16_t>(point));
    }
    i += length;
  }
  return units;
}

// Four units to a word, as JavaScript's shifts of 32 bits pack them; a unit above 255 reaches into
// its neighbour. Whole words, big-endian.
Bytes words_of(std::string_view text) {
  const auto units = utf16_of(text);
  Bytes bytes((units.size() + 3) / 4 * 4);
  for (std::size_t word = 0; word < bytes.size() / 4; ++word) {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < 4 && word * 4 + i < units.size(); ++i) {
      value |= static_cast<std::uint32_t>(std::uint64_t{units[word * 4 + i]} << (24 - 8 * i));
    }
    for (std::size_t i = 0; i < 4; ++i) bytes[word * 4 + i] = static_cast<std::byte>(value >> (24 - 8 * i));
  }
  return bytes;
}

// A block encrypted again and again, each time under all the keys.
void encrypt_over_and_over(const std::vector<Block>& keys, Block& block, unsigned rounds) {
  struct FreeContext {
    void operator()(EVP_CIPHER_CTX* context) const noexcept { EVP_CIPHER_CTX_free(context); }
  };
  std::vector<std::unique_ptr<EVP_CIPHER_CTX, FreeContext>> ciphers;
  for (const Block& key : keys) {
    ciphers.emplace_back(EVP_CIPHER_CTX_new());
    if (!ciphers.back() ||
        EVP_EncryptInit_ex(ciphers.back().get(), EVP_aes_128_ecb(), nullptr, raw(ByteSpan(key)), nullptr) != 1) {
      throw Error(ErrorKind::internal, "AES", "OpenSSL refuses");
    }
  }
  for (unsigned round = 0; round < rounds; ++round) {
    for (const auto& cipher : ciphers) {
      int written = 0;
      EVP_EncryptUpdate(cipher.get(), raw(MutableByteSpan(block)), &written, raw(ByteSpan(block)),
                        static_cast<int>(block.size()));
    }
  }
}

std::string email_proof(std::string_view email, const Block& key) {
  Block block{};
  const Bytes words = words_of(email);
  for (std::size_t i = 0; i < words.size(); ++i) block[i % k_block_bytes] ^= words[i];
  encrypt_over_and_over({key}, block, k_v1_email_rounds);
  std::array<std::byte, 8> proof;
  std::copy_n(block.begin(), 4, proof.begin());
  std::copy_n(block.begin() + 8, 4, proof.begin() + 4);
  return to_base64url(proof);
}

// A number of PGP: its length in bits in two bytes, then its bytes. `from` goes on after it;
// nothing when it does not fit.
Number take_number(ByteSpan& from) {
  if (from.size() < 2) return nullptr;
  const std::size_t bits = static_cast<std::size_t>(from[0]) << 8 | static_cast<std::size_t>(from[1]);
  const std::size_t bytes = (bits + 7) / 8;
  if (from.size() < 2 + bytes) return nullptr;
  Number number(BN_bin2bn(raw(from.subspan(2)), static_cast<int>(bytes), nullptr));
  from = from.subspan(2 + bytes);
  return number;
}

// challenge^d mod p*q, as `bytes` bytes.
crypto::SecretBytes open_challenge(const BIGNUM& challenge, const BIGNUM& p, const BIGNUM& q, const BIGNUM& d,
                                   std::size_t bytes) {
  const std::unique_ptr<BN_CTX, FreeNumberContext> context(BN_CTX_secure_new());
  const Number modulus(BN_new());
  const Number plain(BN_new());
  if (!context || !modulus || !plain || BN_mul(modulus.get(), &p, &q, context.get()) != 1 ||
      BN_is_odd(modulus.get()) != 1 ||
      BN_mod_exp_mont_consttime(plain.get(), &challenge, &d, modulus.get(), context.get(), nullptr) != 1) {
    return {};
  }
  Bytes opened(bytes);
  if (BN_bn2binpad(plain.get(), raw(MutableByteSpan(opened)), static_cast<int>(bytes)) < 0) return {};
  return crypto::SecretBytes(std::move(opened));
}

}  // namespace

PasswordKeys password_keys_v1(std::string_view email, std::string_view password) {
  Bytes words = words_of(password);
  std::vector<Block> keys;
  for (std::size_t at = 0; at < words.size(); at += k_block_bytes) {
    Block key{};
    std::copy_n(words.begin() + static_cast<std::ptrdiff_t>(at), std::min(k_block_bytes, words.size() - at),
                key.begin());
    keys.push_back(key);
  }
  static constexpr std::array<std::uint8_t, k_block_bytes> k_start = {0x93, 0xC4, 0x67, 0xE3, 0x7D, 0xB0, 0xC7, 0xA4,
                                                                      0xD1, 0xBE, 0x3F, 0x81, 0x01, 0x52, 0xCB, 0x56};
  Block key;
  std::transform(k_start.begin(), k_start.end(), key.begin(), [](std::uint8_t byte) { return std::byte{byte}; });
  encrypt_over_and_over(keys, key, k_v1_password_rounds);
  PasswordKeys result{crypto::SecretBytes(ByteSpan(key)), email_proof(email, key)};
  for (Block& part : keys) crypto::wipe(part);
  crypto::wipe(words);
  crypto::wipe(key);
  return result;
}

PasswordKeys password_keys_v2(std::string_view password, ByteSpan salt) {
  std::array<std::byte, 2 * k_block_bytes> derived;
  if (PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()), raw(salt), static_cast<int>(salt.size()),
                        k_pbkdf2_rounds, EVP_sha512(), static_cast<int>(derived.size()),
                        raw(MutableByteSpan(derived))) != 1) {
    throw Error(ErrorKind::internal, "PBKDF2", "OpenSSL refuses");
  }
  PasswordKeys result{crypto::SecretBytes(ByteSpan(derived).first(k_block_bytes)),
                      to_base64url(ByteSpan(derived).subspan(k_block_bytes))};
  crypto::wipe(derived);
  return result;
}

std::string open_session(ByteSpan challenge, ByteSpan private_key, ByteSpan master_key, std::string_view user,
                         const std::string& where) {
  Bytes opened_key = to_bytes(private_key.first(private_key.size() / k_block_bytes * k_block_bytes));
  decrypt_ecb(master_key, opened_key);
  const crypto::SecretBytes key(std::move(opened_key));  // wiped at the end
  ByteSpan rest = key.bytes();
  const Number p = take_number(rest);
  const Number q = take_number(rest);
  const Number d = take_number(rest);
  const Number number = take_number(challenge);
  if (!number) throw Error(ErrorKind::corrupt, where, "MEGA's answer to the login has no session in it");
  const std::size_t bytes = p && q ? static_cast<std::size_t>(BN_num_bytes(p.get()) + BN_num_bytes(q.get())) : 0;
  // The plain text begins one byte below the top of what p and q have room for, also where zeros
  // stand in front of it.
  const crypto::SecretBytes plain =
      d && bytes > k_session_bytes ? open_challenge(*number, *p, *q, *d, bytes) : crypto::SecretBytes();
  if (plain.empty())
    throw Error(ErrorKind::denied, where, "the account's private key cannot be opened: is the password right?");
  const ByteSpan session = plain.bytes().subspan(1, k_session_bytes);
  if (as_text(session.subspan(k_user_offset, user.size())) != user) {
    throw Error(ErrorKind::denied, where,
                "the session that MEGA gives is not for this account: is the password right?");
  }
  return to_base64url(session);
}

std::string totp_code(std::string_view secret, UtcTime now, const std::string& where) {
  std::string digits;
  std::copy_if(secret.begin(), secret.end(), std::back_inserter(digits),
               [](char c) { return c != ' ' && c != '-' && c != '='; });
  const auto key = from_base32(digits);
  crypto::wipe(std::as_writable_bytes(std::span(digits)));
  if (!key || key->empty())
    throw Error(ErrorKind::invalid, where, "its totp_secret is no base32 text, such as an authenticator app takes");
  const std::uint64_t step = unix_seconds(now) / 30;
  std::array<std::byte, 8> message;
  for (unsigned i = 0; i < 8; ++i) message[i] = static_cast<std::byte>(step >> (56 - 8 * i));
  std::array<std::byte, 20> mac;
  HMAC(EVP_sha1(), key->data(), static_cast<int>(key->size()), raw(ByteSpan(message)), message.size(),
       raw(MutableByteSpan(mac)), nullptr);
  const std::size_t at = static_cast<std::size_t>(mac[19]) & 15U;
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<std::uint32_t>(mac[at + i]);
  const std::string code = std::to_string((value & 0x7FFFFFFFU) % 1'000'000);
  return std::string(6 - code.size(), '0') + code;
}

}  // namespace modelfloat::store::mega
