#include "modelfloat/mf1/document.h"

#include <algorithm>
#include <array>
#include <functional>
#include <optional>
#include <string>

#include "modelfloat/base/error.h"
#include "modelfloat/codec/zstd.h"
#include "modelfloat/crypto/hash.h"
#include "modelfloat/mf1/maintenance_key.h"
#include "modelfloat/mf1/padme.h"
#include "modelfloat/mf1/seal.h"

namespace modelfloat::mf1 {
namespace {

using crypto::k_tag_bytes;

constexpr int k_zstd_level = 6;
constexpr std::size_t k_lengths_bytes = 8;

// More than zstd needs for bytes that it cannot compress.
constexpr std::size_t compressed_bound(std::size_t bytes) noexcept { return bytes + bytes / 128 + 512; }

struct Header {
  crypto::Suite suite;
  std::uint32_t epoch;
  std::uint64_t sealed_bytes;
  PoolTag pool;
  Hash256 salt;
  Hash256 commitment;
};

Error refused(ObjectType type, ErrorKind kind, std::string_view what) {
  return {kind, std::string(to_string(type)) + " document", what};
}

void write_header(const Header& header, ObjectType type, MutableByteSpan out) {
  FieldWriter(out)
      .bytes(k_magic)
      .number(k_format)
      .number(static_cast<std::uint8_t>(type))
      .number(static_cast<std::uint8_t>(header.suite))
      .zeros(1)
      .number(header.epoch)
      .zeros(4)
      .number(header.sealed_bytes)
      .bytes(header.pool)
      .bytes(header.salt)
      .bytes(header.commitment);
}

Header read_header(ObjectType type, ByteSpan object) {
  if (object.size() < k_header_bytes || !equal(object.first(k_magic.size()), k_magic)) {
    throw refused(type, ErrorKind::corrupt, "has no header of ours");
  }
  FieldReader fields(object.subspan(k_magic.size()));
  if (fields.number<std::uint8_t>() != k_format) throw refused(type, ErrorKind::unsupported, "is of an unknown format");
  if (fields.number<std::uint8_t>() != static_cast<std::uint8_t>(type)) {
    throw refused(type, ErrorKind::corrupt, "is an object of another type");
  }
  const auto suite = crypto::suite_from(fields.number<std::uint8_t>());
  if (!suite) throw refused(type, ErrorKind::unsupported, "has an unknown suite");
  bool zeros = fields.zeros(1);
  Header header{};
  header.suite = *suite;
  header.epoch = fields.number<std::uint32_t>();
  zeros = fields.zeros(4) && zeros;
  header.sealed_bytes = fields.number<std::uint64_t>();
  header.pool = fields.array<8>();
  header.salt = fields.array<32>();
  header.commitment = fields.array<32>();
  if (!zeros || header.epoch == 0) throw refused(type, ErrorKind::corrupt, "has a header that makes no sense");
  if (header.sealed_bytes != object.size() - k_header_bytes || header.sealed_bytes < k_lengths_bytes + k_tag_bytes) {
    throw refused(type, ErrorKind::corrupt, "has a wrong length");
  }
  return header;
}

// What is sealed: lengths, the zstd frame, zeros up to a Padmé size.
Bytes padded_plaintext(ByteSpan cbor) {
  Bytes plain(k_lengths_bytes + compressed_bound(cbor.size()));
  const MutableByteSpan space = MutableByteSpan(plain).subspan(k_lengths_bytes);
  const auto compressed = codec::zstd_compress(cbor, k_zstd_level, space);
  if (!compressed) throw Error(ErrorKind::internal, "document", "zstd needed more room than it says");
  FieldWriter(plain).number(static_cast<std::uint32_t>(cbor.size())).number(static_cast<std::uint32_t>(*compressed));
  const std::size_t used = k_lengths_bytes + *compressed;
  plain.resize(used);
  plain.resize(padme(used), std::byte{0});
  return plain;
}

Bytes unpadded_cbor(ObjectType type, ByteSpan plain) {
  FieldReader fields(plain);
  const auto cbor_bytes = fields.number<std::uint32_t>();
  const auto zstd_bytes = fields.number<std::uint32_t>();
  ByteSpan rest = plain.subspan(k_lengths_bytes);
  if (cbor_bytes > k_max_document_bytes || zstd_bytes > rest.size() ||
      !FieldReader(rest.subspan(zstd_bytes)).zeros(rest.size() - zstd_bytes)) {
    throw refused(type, ErrorKind::corrupt, "has lengths that make no sense");
  }
  Bytes cbor(cbor_bytes);
  if (!codec::zstd_decompress(rest.first(zstd_bytes), cbor)) {
    throw refused(type, ErrorKind::corrupt, "does not decompress");
  }
  return cbor;
}

FrameFacts only_frame(std::size_t plain_bytes) {
  return {.number = 0, .plain_bytes = static_cast<std::uint32_t>(plain_bytes)};
}

// The key that documents of this type are sealed under.
KeyUse document_key(ObjectType type) {
  if (type == ObjectType::shard) throw Error(ErrorKind::internal, "document", "a shard is not one");
  return key_use_of(type);
}

// `find_key` returns the key of the salt that the header names; nullopt when it is not known.
Bytes open(ObjectType type, ByteSpan object, const PoolId& pool,
           const std::function<std::optional<SaltKey>(const Header&)>& find_key) {
  const Header header = read_header(type, object);
  if (header.pool != pool_tag_of(pool)) throw refused(type, ErrorKind::denied, "belongs to another pool");
  const auto key = find_key(header);
  if (!key) throw refused(type, ErrorKind::denied, "was sealed under another key, or its header is damaged");
  Bytes plain(header.sealed_bytes - k_tag_bytes);
  const FrameFacts facts = only_frame(plain.size());
  const FrameBinder binder(pool, header.epoch, header.salt, type, header.suite);
  const bool opened = crypto::Opener(header.suite, key->key)
                          .open(frame_nonce(facts.number), binder.aad(facts), object.subspan(k_header_bytes), plain);
  if (!opened) throw refused(type, ErrorKind::corrupt, "is damaged: it does not open");
  return unpadded_cbor(type, plain);
}

}  // namespace

SealedDocument seal_document(ObjectType type, ByteSpan cbor, const Keyring& keyring, crypto::Suite suite,
                             Random& random) {
  const KeyUse use = document_key(type);
  if (cbor.size() > k_max_document_bytes) throw refused(type, ErrorKind::invalid, "would be too long");
  const Bytes plain = padded_plaintext(cbor);
  const Hash256 salt = random.array<32>();
  const std::uint32_t epoch = keyring.current_epoch();
  const SaltKey key = derive_salt_key(keyring.key(epoch, use), salt, type, suite);
  Bytes object(k_header_bytes + plain.size() + k_tag_bytes);
  write_header({suite, epoch, plain.size() + k_tag_bytes, keyring.pool_tag(), salt, key.commitment}, type, object);
  const FrameFacts facts = only_frame(plain.size());
  crypto::Sealer(suite, key.key)
      .seal(frame_nonce(facts.number), FrameBinder(keyring.pool_id(), epoch, salt, type, suite).aad(facts), plain,
            MutableByteSpan(object).subspan(k_header_bytes));
  const Hash256 hash = crypto::blake3(object);
  return {hash, std::move(object)};
}

DocumentFacts document_facts(ObjectType type, ByteSpan object) {
  (void)document_key(type);  // refuses other types
  const Header header = read_header(type, object);
  return {header.epoch, header.pool};
}

Bytes open_document(ObjectType type, ByteSpan object, const Keyring& keyring) {
  (void)document_key(type);
  return open(type, object, keyring.pool_id(), [&](const Header& header) {
    return find_salt_key(keyring, header.epoch, header.commitment, header.salt, type, header.suite);
  });
}

Bytes open_structure(ByteSpan object, const MaintenanceKey& maintenance) {
  constexpr ObjectType type = ObjectType::structure;
  return open(type, object, maintenance.pool_id(), [&](const Header& header) -> std::optional<SaltKey> {
    for (const crypto::SecretKey& one : maintenance.keys(header.epoch)) {
      SaltKey key = derive_salt_key(one, header.salt, type, header.suite);
      if (crypto::equal_in_constant_time(key.commitment, header.commitment)) return key;
    }
    return std::nullopt;
  });
}

}  // namespace modelfloat::mf1
