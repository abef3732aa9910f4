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
  begin_pool();
  add_tiny();
  begin_epoch_twice();
  join_both();
  add_note();
  use_every_kind();
}

void GoldenPool::begin_pool() {
  first_.writer = random_.array<16>();
  second_.writer = random_.array<16>();
  store_ = {random_.array<16>(), "disk", "local:/mnt/disk", "home", 0, StoreUse::in_use};
  objects["mf1/marker"] = make_marker({keyring.pool_tag(), store_.store});
  std::vector<Change> changes = {store_, PolicySet{4, 2, 2}};
  for (Change& slot : write_slots()) changes.push_back(std::move(slot));
  write_record(first_, std::move(changes));
}

// Epoch 1: a pack of 4+2 whose frames straddle slices. Then a checkpoint of two parts, so that
// readers meet one, and records behind it.
void GoldenPool::add_tiny() {
  const std::vector<Bytes> parts = {to_bytes(std::string_view("{\"model_type\": \"tiny\"}\n")),
                                    test::random_bytes(3000, 1), repeated("0.125 0.25 ", 2000),
                                    test::random_bytes(700, 2)};
  packs.push_back(write_pack({{4, 2}, 2048, 2}, k_suite, parts));
  const Files tiny = {{"config.json", parts[0]}, {"weights/tiny.bin", joined(parts, 1, 3)}};
  const auto naming =
      write_manifest("demo/tiny", "main", tiny, packs.back().sealed.fragments, {packs.back().sealed.pack});
  write_record(first_, {Prepared{naming}});
  write_record(first_, {Committed{naming}});
  models["demo/tiny:main"] = tiny;
  write_part(first_, {1});
  write_part(first_, {3});  // the commit makes the record with its "prepared" needless
  write_checkpoint(first_);
}

// Epoch 2 of both writers: copies under the other suite.
void GoldenPool::begin_epoch_twice() {
  const auto by_first = crypto::SecretKey::random(random_);
  const auto by_second = crypto::SecretKey::random(random_);
  const auto add = [&](Chain& chain, const std::string& model, const std::vector<Bytes>& parts,
                       const PackShape& shape) {
    packs.push_back(write_pack(shape, crypto::Suite::chacha20_poly1305, parts));
    const Files files = {{"empty", {}}, {"model.bin", joined(parts, 0, parts.size())}};
    const auto& sealed = packs.back().sealed;
    const auto naming = write_manifest(model, "main", files, sealed.fragments, {sealed.pack});
    write_record(chain, {Prepared{naming}, Committed{naming}});
    models[model + ":main"] = files;
  };
  keyring.add_root(2, by_first);
  const ChainHead before = head_of(first_);
  write_record(first_, epoch_changes());
  add(first_, "demo/copies", {test::random_bytes(900, 3), repeated("abcdefgh", 1200)}, {{1, 2}, 4096, 2});

  keyring.add_root(2, by_second);
  keyring.prefer(2, by_second);
  // What the second writer knows of the first is from before its epoch.
  write_record(second_, epoch_changes(), {{first_.writer, before}});
  add(second_, "demo/theirs", {test::random_bytes(500, 4)}, {{1, 1}, 1024, 1});
  keyring.prefer(2, by_first);
}

void GoldenPool::join_both() {
  keyring.add_root(3, crypto::SecretKey::random(random_));
  write_record(first_, epoch_changes(), {{second_.writer, head_of(second_)}});
}

// Epoch 3: a model that lies in its manifest, and a checkpoint that names the parts of the one
// before.
void GoldenPool::add_note() {
  const Bytes note = to_bytes(std::string_view("kept in the manifest itself\n"));
  note_ = write_note(note);
  auto old = *note_;
  old.tag = "old";
  write_record(first_, {Committed{*note_}, Committed{old}});
  models["demo/note:v1"] = {{"note.txt", note}};
  write_part(first_, {4, 5, 6, 7});
  write_checkpoint(first_);
}

// Changes of all other kinds, behind the checkpoint.
void GoldenPool::use_every_kind() {
  const auto again = write_note(models.at("demo/note:v1").at("note.txt"));
  const StoreAdded another{random_.array<16>(), "attic", "local:/mnt/attic", "attic", 1'000'000, StoreUse::draining};
  const SlotAdded gone{random_.array<16>(), random_.array<32>(), 3, 3, random_.array<32>()};
  const CondemnedObject whole{ObjectType::shard, random_.array<32>(), std::nullopt};
  const CondemnedObject copy{ObjectType::content, random_.array<32>(), store_.store};
  write_record(first_, {Untagged{"demo/note", "old"},
                        Replaced{"demo/note", note_->revision, note_->manifest.content, again.manifest}, another, gone,
                        Condemned{{whole, copy}, 86400}});
  const Hash256 condemning = first_.names.back();
  write_record(first_, {Removed{"demo/gone", {random_.array<32>()}}, StoreRemoved{another.store},
                        SlotRemoved{gone.slot}, Spared{condemning, {copy}}});
  write_record(first_, {Deleted{{condemning}}});
}

Hash256 GoldenPool::write(ObjectType type, const Bytes& cbor) {
  auto sealed = seal_document(type, cbor, keyring, k_suite, random_);
  const std::string path = ObjectName::of(type, sealed.hash).path();
  objects[path] = std::move(sealed.object);
  documents.push_back({type, path, cbor});
  return sealed.hash;
}

Hash256 GoldenPool::write_in_chain(ObjectType type, const Chain& chain, std::uint64_t seq, const Bytes& cbor) {
  auto sealed = seal_document(type, cbor, keyring, k_suite, random_);
  const std::string path = ObjectName::of_chain(type, chain.writer, seq, sealed.hash).path();
  objects[path] = std::move(sealed.object);
  documents.push_back({type, path, cbor});
  return sealed.hash;
}

void GoldenPool::write_record(Chain& chain, std::vector<Change> changes, std::map<WriterId, ChainHead> heads) {
  LogRecord record;
  record.writer = chain.writer;
  record.seq = chain.names.size() + 1;
  if (!chain.names.empty()) record.previous = chain.names.back();
  record.heads = std::move(heads);
  record.time = k_time + record.seq;
  record.changes = std::move(changes);
  chain.cbor.push_back(to_cbor(record));
  chain.names.push_back(write_in_chain(ObjectType::log, chain, record.seq, chain.cbor.back()));
}

void GoldenPool::write_part(Chain& chain, const std::vector<std::uint64_t>& numbers) {
  std::vector<Bytes> entries;
  for (const std::uint64_t number : numbers) {
    const Bytes& cbor = chain.cbor.at(number - 1);
    const RecordBytes record = record_bytes(cbor);
    entries.push_back(entry_cbor(record, chain.names.at(number - 1), log_record_from_cbor(cbor).heads, record.changes));
  }
  const Bytes cbor = part_cbor(chain.writer, numbers.back(), entries);
  chain.parts.push_back({numbers.back(), write_in_chain(ObjectType::part, chain, numbers.back(), cbor)});
}

void GoldenPool::write_checkpoint(Chain& chain) {
  Checkpoint checkpoint;
  checkpoint.writer = chain.writer;
  checkpoint.seq = chain.names.size();
  checkpoint.hash = chain.names.back();
  checkpoint.before = chain.checkpoint;
  checkpoint.records.assign(chain.names.begin() + static_cast<std::ptrdiff_t>(checkpoint.first_seq() - 1),
                            chain.names.end());
  checkpoint.parts = chain.parts;
  checkpoint.stores = {store_};
  const Hash256 hash = write_in_chain(ObjectType::checkpoint, chain, checkpoint.seq, to_cbor(checkpoint));
  chain.checkpoint = ChainHead{checkpoint.seq, hash};
}

std::vector<Change> GoldenPool::epoch_changes() {
  std::vector<Change> changes = {begin_epoch(keyring, keyring.current_epoch(), random_)};
  for (Change& slot : write_slots()) changes.push_back(std::move(slot));
  return changes;
}

std::vector<Change> GoldenPool::write_slots() {
  const SlotSecret secrets[] = {SlotSecret::recovery_code(RecoveryCode(code_key)),
                                SlotSecret::passphrase(crypto::SecretBytes(std::string_view(k_passphrase))),
                                SlotSecret::key_file(file_key)};
  const std::uint32_t epoch = keyring.current_epoch();
  std::vector<Change> changes;
  for (std::size_t i = 0; i < std::size(secrets); ++i) {
    // Only the first slots are made with the secrets at hand.
    if (epoch == 1) first_slots_.push_back(make_slot(secrets[i], keyring, epoch, random_, {1024, 2}));
    const MadeSlot& first = first_slots_.at(i);
    Bytes object =
        epoch == 1 ? first.object : make_slot_for(first.public_key, parse_slot(first.object), keyring, epoch, random_);
    const Hash256 hash = crypto::blake3(object);
    changes.push_back(SlotAdded{first.id, hash, static_cast<std::uint8_t>(secrets[i].kind()), epoch, first.public_key});
    slots.push_back({ObjectName::of(ObjectType::slot, hash).path(), secrets[i].kind(), epoch, keyring.root(epoch),
                     first.public_key});
    objects[slots.back().path] = std::move(object);
  }
  return changes;
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

ManifestNaming GoldenPool::write_note(const Bytes& note) {
  auto small = encode(keyring, note, false);
  const Fragment fragment{small.id, small.plain_bytes, small.codec, small.bytes};
  return write_manifest("demo/note", "v1", {{"note.txt", note}}, {fragment}, {});
}

ManifestNaming GoldenPool::write_manifest(const std::string& model, const std::string& tag, const Files& files,
                                          const std::vector<Fragment>& fragments, const std::vector<Pack>& used) {
  StructureRoot structure;
  structure.survive = 2;
  structure.segments = {write(ObjectType::structure, to_cbor(StructureSegment{used}))};
  ManifestRoot root;
  root.segments = {write(ObjectType::content, to_cbor(ContentSegment{structure.segments[0], fragments, {}}))};
  structure.contents = root.segments;
  root.structure = write(ObjectType::structure, to_cbor(structure));
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
