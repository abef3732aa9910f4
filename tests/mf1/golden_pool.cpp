#include "golden_pool.h"

#include "modelfloat/codec/zstd.h"
#include "modelfloat/crypto/hash.h"
#include "modelfloat/mf1/git_oid.h"
#include "modelfloat/mf1/log_codec.h"
#include "modelfloat/mf1/manifest_codec.h"
#include "modelfloat/mf1/marker.h"

namespace modelfloat::mf1 {
namespace {

constexpr std::uint64_t k_time = 1767225600;  // 2026-01-01
constexpr auto k_suite = crypto::Suite::aes_256_gcm;

// Not codec::encode, whose choices may change.
EncodedFragment encode(const Keyring& keyring, const Bytes& plain, bool compress) {
  EncodedFragment fragment;
  fragment.id = keyring.fragment_id(keyring.current_epoch(), plain);
  fragment.plain_bytes = static_cast<std::uint32_t>(plain.size());
  fragment.bytes = plain;
  if (compress) {
    fragment.codec = {CodecId::zstd, 3};
    fragment.bytes.resize(plain.size() + 100);
    fragment.bytes.resize(codec::zstd_compress(plain, 3, fragment.bytes).value());
  }
  return fragment;
}

Bytes joined(const std::vector<Bytes>& parts, std::size_t first, std::size_t count) {
  Bytes all;
  for (std::size_t i = 0; i < count; ++i) append(all, parts.at(first + i));
  return all;
}

Bytes repeated(std::string_view text, std::size_t size) {
  Bytes bytes;
  while (bytes.size() < size) append(bytes, as_bytes(text));
  bytes.resize(size);
  return bytes;
}

Keyring new_keyring(Random& random) {
  const auto pool = random.array<16>();
  return Keyring(pool, 1, crypto::SecretKey::random(random));
}

}  // namespace

GoldenPool::GoldenPool()
    : code_key(crypto::blake3(as_bytes("code"))),
      file_key(crypto::blake3(as_bytes("file"))),
      keyring([] {
        test::FixedRandom random(11);
        return new_keyring(random);
      }()),
      random_(2026) {
  writer_ = random_.array<16>();
  const StoreId store = random_.array<16>();
  objects["mf1/marker"] = make_marker({keyring.pool_tag(), store});

  // Epoch 1: a pack of 4+2 whose frames straddle slices.
  write_record({StoreAdded{store, "disk", "local:/mnt/disk", "home", 0}, PolicySet{4, 2, 2}});
  const std::vector<Bytes> parts = {to_bytes(std::string_view("{\"model_type\": \"tiny\"}\n")),
                                    test::random_bytes(3000, 1), repeated("0.125 0.25 ", 2000),
                                    test::random_bytes(700, 2)};
  packs.push_back(write_pack({{4, 2}, 2048, 2}, k_suite, parts));
  const std::map<std::string, Bytes> tiny = {{"config.json", parts[0]}, {"weights/tiny.bin", joined(parts, 1, 3)}};
  const auto first = write_manifest("demo/tiny", "main", tiny, packs[0].sealed.fragments, {packs[0].sealed.pack});
  write_record({Prepared{first}});
  write_record({Committed{first}});
  models["demo/tiny:main"] = tiny;

  // Epoch 2: copies under the other suite, and a model that lies in its manifest.
  keyring.add_epoch(2, crypto::SecretKey::random(random_));
  write_record({begin_epoch(keyring, 2, random_)});
  write_slots();
  const std::vector<Bytes> copied = {test::random_bytes(900, 3), repeated("abcdefgh", 1200)};
  packs.push_back(write_pack({{1, 2}, 4096, 2}, crypto::Suite::chacha20_poly1305, copied));
  const std::map<std::string, Bytes> copies = {{"empty", {}}, {"model.bin", joined(copied, 0, 2)}};
  const auto second = write_manifest("demo/copies", "main", copies, packs[1].sealed.fragments, {packs[1].sealed.pack});
  write_record({Prepared{second}, Committed{second}});
  models["demo/copies:main"] = copies;

  const Bytes note = to_bytes(std::string_view("kept in the manifest itself\n"));
  auto small = encode(keyring, note, false);
  const Fragment inline_fragment{small.id, small.plain_bytes, small.codec, small.bytes};
  const auto third = write_manifest("demo/note", "v1", {{"note.txt", note}}, {inline_fragment}, {});
  auto fourth = third;
  fourth.tag = "old";
  write_record({Committed{third}, Committed{fourth}});
  write_record({Untagged{"demo/note", "old"}, Spared{}});
  models["demo/note:v1"] = {{"note.txt", note}};
}

Hash256 GoldenPool::write(ObjectType type, const Bytes& cbor) {
  auto sealed = seal_document(type, cbor, keyring, k_suite, random_);
  const bool in_chain = type == ObjectType::log || type == ObjectType::checkpoint;
  const std::uint64_t seq = chain_.size() + (type == ObjectType::log ? 1 : 0);
  const std::string path = in_chain ? ObjectName::of_chain(type, writer_, seq, sealed.hash).path()
                                    : ObjectName::of(type, sealed.hash).path();
  objects[path] = std::move(sealed.object);
  documents.push_back({type, path, cbor});
  return sealed.hash;
}

// After the third record comes a checkpoint, so that readers meet one and records behind it.
void GoldenPool::write_record(std::vector<Change> changes) {
  LogRecord record;
  record.writer = writer_;
  record.seq = chain_.size() + 1;
  if (!chain_.empty()) record.previous = chain_.back().hash;
  record.time = k_time + record.seq;
  record.changes = std::move(changes);
  const Hash256 hash = write(ObjectType::log, to_cbor(record));
  record.previous = {};
  chain_.push_back({record, hash});
  if (record.seq != 3) return;
  Checkpoint checkpoint;
  checkpoint.writer = writer_;
  checkpoint.seq = record.seq;
  checkpoint.hash = hash;
  checkpoint.stores.push_back(std::get<StoreAdded>(chain_[0].record.changes[0]));
  // The commit makes the record with its "prepared" needless.
  checkpoint.records = {chain_[0], chain_[2]};
  write(ObjectType::checkpoint, to_cbor(checkpoint));
}

void GoldenPool::write_slots() {
  const SlotSecret secrets[] = {SlotSecret::recovery_code(RecoveryCode(code_key)),
                                SlotSecret::passphrase(crypto::SecretBytes(std::string_view(k_passphrase))),
                                SlotSecret::key_file(file_key)};
  std::vector<Change> changes;
  for (const SlotSecret& secret : secrets) {
    Bytes object = make_slot(secret, keyring, 2, random_, {1024, 2});
    const Hash256 hash = crypto::blake3(object);
    changes.push_back(SlotAdded{parse_slot(object).id, hash, static_cast<std::uint8_t>(secret.kind()), 2});
    slots.push_back(ObjectName::of(ObjectType::slot, hash).path());
    objects[slots.back()] = std::move(object);
  }
  write_record(std::move(changes));
}

GoldenPack GoldenPool::write_pack(const PackShape& shape, crypto::Suite suite, const std::vector<Bytes>& plains) {
  PackBuilder builder(shape);
  for (std::size_t i = 0; i < plains.size(); ++i) builder.add(encode(keyring, plains[i], i % 2 == 0 && i > 0));
  GoldenPack pack{seal(std::move(builder), keyring, suite, random_, true), plains};
  for (std::size_t i = 0; i < pack.sealed.shards.size(); ++i) {
    objects[ObjectName::of(ObjectType::shard, pack.sealed.pack.shard_name(i)).path()] = pack.sealed.shards[i];
  }
  return pack;
}

ManifestNaming GoldenPool::write_manifest(const std::string& model, const std::string& tag,
                                          const std::map<std::string, Bytes>& files,
                                          const std::vector<Fragment>& fragments, const std::vector<Pack>& used) {
  StructureRoot structure{{write(ObjectType::structure, to_cbor(StructureSegment{used}))}, 2};
  ManifestRoot root;
  root.structure = write(ObjectType::structure, to_cbor(structure));
  root.segments = {write(ObjectType::content, to_cbor(ContentSegment{structure.segments[0], fragments}))};
  root.model = model;
  root.created_at = k_time;
  root.epoch = keyring.current_epoch();
  root.card = {{"description", "made up for the vectors"}, {"license", "none"}};
  std::size_t next = 0;
  for (const auto& [path, content] : files) {
    FileEntry file;
    file.path = path;
    file.size_bytes = content.size();
    file.sha256 = crypto::sha256(content);
    file.git_oid = git_blob_oid(content);
    file.cutter = "fixed";
    file.format = "opaque";
    for (std::uint64_t bytes = 0; bytes < content.size(); ++file.fragments) bytes += fragments.at(next++).plain_bytes;
    if (path.starts_with("weights/")) file.tensors = {{"layer.0", "F32", {750}, 0, 3000}};
    if (path == "empty") file.trouble = "an empty file";
    root.files.push_back(std::move(file));
  }
  root.revision = revision_id(root.files);
  return {model, tag, root.revision, {write(ObjectType::content, to_cbor(root)), root.structure}};
}

}  // namespace modelfloat::mf1
