// tests/golden/mf1-vectors.json: written once (MODELFLOAT_WRITE_GOLDEN=1), read for ever.
// tools/rescue.py reads it too.

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "golden_pool.h"
#include "samples.h"
#include "support/source_folder.h"
#include <nlohmann/json.hpp>
#include <zstd.h>

#include "modelfloat/base/hex.h"
#include "modelfloat/crypto/hash.h"
#include "modelfloat/mf1/git_oid.h"
#include "modelfloat/mf1/log_codec.h"
#include "modelfloat/mf1/manifest_codec.h"
#include "modelfloat/mf1/marker.h"
#include "modelfloat/mf1/pack_reader.h"

namespace modelfloat::mf1 {
namespace {

using Json = nlohmann::ordered_json;

std::filesystem::path golden_path() { return test::source_folder() / "tests/golden/mf1-vectors.json"; }

Json epochs_json(const Keyring& keyring) {
  const char* const labels[] = {"fragment-id", "sealing", "structure", "content", "log", "older-epochs", "local"};
  Json epochs = Json::array();
  for (std::uint32_t epoch = 1; epoch <= keyring.current_epoch(); ++epoch) {
    for (const RootKey& root : keyring.roots(epoch)) {
      Json keys;
      for (std::size_t i = 0; i < k_key_uses; ++i) keys[labels[i]] = to_hex(root.key(static_cast<KeyUse>(i)).bytes());
      epochs.push_back({{"epoch", epoch}, {"root", to_hex(root.root().bytes())}, {"sub_keys", keys}});
    }
  }
  return epochs;
}

Json slots_json(const GoldenPool& pool) {
  const std::map<SecretKind, std::string> secrets = {{SecretKind::recovery_code, RecoveryCode(pool.code_key).text()},
                                                     {SecretKind::passphrase, GoldenPool::k_passphrase},
                                                     {SecretKind::key_file, key_file_text(pool.file_key)}};
  Json slots = Json::array();
  for (const GoldenSlot& slot : pool.slots) {
    slots.push_back({{"kind", static_cast<int>(slot.kind)},
                     {"secret", secrets.at(slot.kind)},
                     {"epoch", slot.epoch},
                     {"id", to_hex(parse_slot(pool.objects.at(slot.path)).id)},
                     {"public", to_hex(slot.public_key)},
                     {"root", to_hex(slot.root.bytes())},
                     {"object", slot.path}});
  }
  return slots;
}

Json associated_data_json() {
  test::FixedRandom random(5);
  const auto pool = random.array<16>();
  const auto salt = random.array<32>();
  const auto fragment = random.array<32>();
  const FrameBinder binder(pool, 7, salt, ObjectType::shard, crypto::Suite::chacha20_poly1305);
  const FrameFacts facts{0x01020304, 0x00ABCDEF, fragment, {CodecId::zstd, 3}};
  return {{"suite", 2},
          {"type", 1},
          {"codec", static_cast<int>(facts.codec.id)},
          {"epoch", 7},
          {"number", facts.number},
          {"pool_id", to_hex(pool)},
          {"salt", to_hex(salt)},
          {"fragment_id", to_hex(fragment)},
          {"plain_length", facts.plain_bytes},
          {"parameter", facts.codec.parameter},
          {"bytes", to_hex(binder.aad(facts))},
          {"nonce", to_hex(frame_nonce(facts.number))}};
}

Json salt_key_json(const Keyring& keyring) {
  const Hash256 salt = test::FixedRandom(6).array<32>();
  const auto derived =
      derive_salt_key(keyring.key(1, KeyUse::content), salt, ObjectType::content, crypto::Suite::aes_256_gcm);
  return {{"epoch", 1},
          {"type", 3},
          {"suite", 1},
          {"salt", to_hex(salt)},
          {"key", to_hex(derived.key.bytes())},
          {"commitment", to_hex(derived.commitment)}};
}

Json packs_json(const GoldenPool& pool) {
  Json packs = Json::array();
  for (const auto& [sealed, plains] : pool.packs) {
    Json fragments = Json::array();
    for (std::size_t i = 0; i < plains.size(); ++i) {
      const Fragment& fragment = sealed.fragments[i];
      fragments.push_back({{"id", to_hex(fragment.id)},
                           {"plain", to_hex(plains[i])},
                           {"codec", static_cast<int>(fragment.codec.id)},
                           {"parameter", fragment.codec.parameter},
                           {"number", fragment.frame()->number},
                           {"offset", fragment.frame()->offset},
                           {"sealed_length", fragment.frame()->sealed_bytes}});
    }
    Json shards = Json::array();
    for (const Hash256& name : sealed.pack.shards) shards.push_back(ObjectName::of(ObjectType::shard, name).path());
    packs.push_back({{"salt", to_hex(sealed.pack.id)},
                     {"epoch", sealed.pack.epoch},
                     {"suite", sealed.pack.suite},
                     {"k", sealed.pack.k},
                     {"m", sealed.pack.m},
                     {"slice_length", sealed.pack.slice_bytes},
                     {"shards", shards},
                     {"fragments", fragments}});
  }
  return packs;
}

Json vectors_of(const GoldenPool& pool) {
  Json json;
  json["about"] = "Test vectors of MF1, see docs/formats/mf1.md section 14. Bytes are hexadecimal.";
  json["zstd"] = ZSTD_VERSION_STRING;
  json["pool_id"] = to_hex(pool.keyring.pool_id());
  json["epochs"] = epochs_json(pool.keyring);
  json["recovery_code"] = {{"bytes", to_hex(pool.code_key.bytes())}, {"text", RecoveryCode(pool.code_key).text()}};
  json["slots"] = slots_json(pool);
  const Bytes plain = to_bytes(std::string_view("a fragment"));
  json["fragment_id"] = {{"epoch", 1}, {"plain", to_hex(plain)}, {"id", to_hex(pool.keyring.fragment_id(1, plain))}};
  json["associated_data"] = associated_data_json();
  json["salt_key"] = salt_key_json(pool.keyring);
  json["lfs_pointer"] = {{"sha256", to_hex(Hash256{})},
                         {"size", 12345678901},
                         {"text", lfs_pointer_text({}, 12345678901)},
                         {"git_oid", to_hex(lfs_pointer_oid({}, 12345678901))}};
  json["packs"] = packs_json(pool);
  for (const auto& [type, path, cbor] : pool.documents) {
    json["documents"].push_back({{"type", static_cast<int>(type)}, {"path", path}, {"cbor", to_hex(cbor)}});
  }
  for (const auto& [model, files] : pool.models) {
    for (const auto& [path, content] : files) json["models"][model][path] = to_hex(content);
  }
  for (const auto& [path, object] : pool.objects) json["objects"][path] = to_hex(object);
  return json;
}

Json read_golden() {
  std::ifstream file(golden_path());
  return Json::parse(file);
}

TEST(Golden, TheWriterMakesTheSameBytes) {
  const std::string text = vectors_of(GoldenPool()).dump(1) + "\n";
  ASSERT_LT(text.size(), 200'000U);
  if (std::getenv("MODELFLOAT_WRITE_GOLDEN") != nullptr) std::ofstream(golden_path()) << text;
  std::ifstream file(golden_path());
  ASSERT_TRUE(file) << golden_path() << " is missing";
  std::stringstream golden;
  golden << file.rdbuf();
  if (read_golden()["zstd"] != ZSTD_VERSION_STRING) {
    GTEST_SKIP() << "this zstd may compress the documents to other bytes than version " << read_golden()["zstd"];
  }
  EXPECT_TRUE(golden.str() == text);
}

class GoldenFile : public testing::Test {
 protected:
  static Bytes bytes(const Json& hex) { return from_hex(hex.get<std::string>()).value(); }
  Bytes object(const Json& path) const { return bytes(json_["objects"][path.get<std::string>()]); }

  SlotSecret secret_of(const Json& slot) const {
    const auto text = slot["secret"].get<std::string>();
    switch (static_cast<SecretKind>(slot["kind"].get<int>())) {
      case SecretKind::recovery_code: return SlotSecret::recovery_code(RecoveryCode::parse(text));
      case SecretKind::passphrase: return SlotSecret::passphrase(crypto::SecretBytes(std::string_view(text)));
      case SecretKind::key_file: break;
    }
    return SlotSecret::key_file(parse_key_file(text));
  }

  // From one slot of the newest epoch and the log alone, as recovery does.
  Keyring recovered() const {
    Keyring keyring = open_slot(object(json_["slots"].back()["object"]), secret_of(json_["slots"].back()));
    for (std::size_t before = 0; before != keyring.root_count();) {
      before = keyring.root_count();
      for (const auto& document : json_["documents"]) {
        if (document["type"] != 4) continue;
        const Bytes sealed = object(document["path"]);
        // Of an older epoch.
        if (kind_thrown([&] { open_document(ObjectType::log, sealed, keyring); })) continue;
        for (const Change& change : log_record_from_cbor(open_document(ObjectType::log, sealed, keyring)).changes) {
          if (const auto* const epoch = std::get_if<EpochBegun>(&change)) add_older_roots(keyring, *epoch);
        }
      }
    }
    return keyring;
  }

  const Json json_ = read_golden();
};

TEST_F(GoldenFile, KeysAreThoseOfTheFormat) {
  const Keyring keyring = recovered();
  EXPECT_EQ(to_hex(keyring.pool_id()), json_["pool_id"].get<std::string>());
  EXPECT_EQ(epochs_json(keyring), json_["epochs"]);
  EXPECT_EQ(associated_data_json(), json_["associated_data"]);
  EXPECT_EQ(salt_key_json(keyring), json_["salt_key"]);
  EXPECT_EQ(to_hex(keyring.fragment_id(1, bytes(json_["fragment_id"]["plain"]))),
            json_["fragment_id"]["id"].get<std::string>());
}

TEST_F(GoldenFile, EverySlotOpens) {
  ASSERT_EQ(json_["slots"].size(), 12U);
  for (const auto& slot : json_["slots"]) {
    const Keyring keyring = open_slot(object(slot["object"]), secret_of(slot));
    EXPECT_EQ(keyring.current_epoch(), slot["epoch"].get<std::uint32_t>());
    EXPECT_EQ(to_hex(keyring.root(keyring.current_epoch()).bytes()), slot["root"].get<std::string>());
  }
}

TEST_F(GoldenFile, EpochTwoHasTwoRootsAndBothComeBack) {
  const Keyring keyring = recovered();
  EXPECT_EQ(keyring.roots(1).size(), 1U);
  EXPECT_EQ(keyring.roots(2).size(), 2U);
  EXPECT_EQ(keyring.roots(3).size(), 1U);
}

// Each entry is taken apart and written again.
Bytes part_again(const Bytes& cbor) {
  const Part part = part_from_cbor(cbor);
  std::vector<Bytes> entries;
  for (const PartEntry& entry : part.entries) {
    const RecordBytes record = record_bytes(entry.cbor);
    entries.push_back(
        entry_cbor(record, entry.hash, record_from_either(entry.cbor, part.writer).heads, record.changes));
  }
  return part_cbor(part.writer, part.seq, entries);
}

TEST_F(GoldenFile, EveryDocumentOpensAndIsWrittenAlike) {
  const Keyring keyring = recovered();
  for (const auto& document : json_["documents"]) {
    const auto type = static_cast<ObjectType>(document["type"].get<int>());
    const Bytes cbor = open_document(type, object(document["path"]), keyring);
    EXPECT_EQ(to_hex(cbor), document["cbor"].get<std::string>());
    Bytes again;
    if (type == ObjectType::log) again = to_cbor(log_record_from_cbor(cbor));
    if (type == ObjectType::checkpoint) again = to_cbor(checkpoint_from_cbor(cbor));
    if (type == ObjectType::part) again = part_again(cbor);
    const bool is_root = type < ObjectType::log && manifest_part_of(cbor) == ManifestPart::root;
    if (type == ObjectType::content) {
      again = is_root ? to_cbor(manifest_root_from_cbor(cbor)) : to_cbor(content_segment_from_cbor(cbor));
    }
    if (type == ObjectType::structure) {
      again = is_root ? to_cbor(structure_root_from_cbor(cbor)) : to_cbor(structure_segment_from_cbor(cbor));
    }
    EXPECT_EQ(again, cbor) << document["path"];
  }
}

TEST_F(GoldenFile, EveryPackOpensFromItsOwnIndex) {
  const Keyring keyring = recovered();
  for (const auto& json : json_["packs"]) {
    Pack pack = pack_of(parse_shard_header(object(json["shards"][0])));
    EXPECT_EQ(to_hex(pack.id), json["salt"].get<std::string>());
    std::vector<Bytes> shards;
    for (const auto& path : json["shards"]) {
      shards.push_back(object(path));
      pack.shards.push_back(ObjectName::parse(path.get<std::string>()).value().hash().value());
    }
    // The last k shards are the hardest to begin with.
    const std::vector<ByteSpan> left(shards.end() - pack.k, shards.end());
    std::vector<Bytes> data;
    for (std::size_t i = 0; i < pack.k; ++i) data.push_back(rebuild_shard(pack, i, left));
    std::vector<ByteSpan> slices;
    for (const Bytes& shard : data) slices.push_back(slice_of(shard));
    const auto read = read_from_slices(pack, slices);
    const PackOpener opener(pack, keyring);
    const auto fragments = opener.read_index(read);
    ASSERT_EQ(fragments.size(), json["fragments"].size());
    for (std::size_t i = 0; i < fragments.size(); ++i) {
      const Bytes sealed = read(fragments[i].frame()->offset, fragments[i].frame()->sealed_bytes);
      const ByteSpan parts[] = {sealed};
      Bytes plain(fragments[i].plain_bytes);
      EXPECT_TRUE(opener.open(fragments[i], parts, plain));
      EXPECT_EQ(to_hex(plain), json["fragments"][i]["plain"].get<std::string>());
    }
  }
}

TEST_F(GoldenFile, NamesAreHashes) {
  for (const auto& [path, hex] : json_["objects"].items()) {
    const auto name = ObjectName::parse(path);
    ASSERT_TRUE(name) << path;
    if (name->type() == ObjectType::marker) {
      EXPECT_EQ(to_hex(parse_marker(bytes(hex)).pool), json_["pool_id"].get<std::string>().substr(0, 16));
    } else {
      EXPECT_EQ(name->hash(), crypto::blake3(bytes(hex))) << path;
    }
  }
}

}  // namespace
}  // namespace modelfloat::mf1
