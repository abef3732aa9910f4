#pragma once
// A small pool with everything in it, the same bytes each time: what tests/golden/mf1-vectors.json
// is written from.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "support/fixed_random.h"

#include "modelfloat/domain/log_record.h"
#include "modelfloat/mf1/document.h"
#include "modelfloat/mf1/keyring.h"
#include "modelfloat/mf1/pack_builder.h"
#include "modelfloat/mf1/slot.h"

namespace modelfloat::mf1 {

struct GoldenDocument {
  ObjectType type;
  std::string path;
  Bytes cbor;
};

struct GoldenPack {
  SealedPack sealed;
  std::vector<Bytes> plains;  // by fragment
};

struct GoldenSlot {
  std::string path;
  SecretKind kind;
  std::uint32_t epoch;
  crypto::SecretKey root;  // that the slot holds
  crypto::PublicKey public_key;
};

// Two writers. Both begin epoch 2 at the same time, so it has two roots, which epoch 3 brings
// together.
class GoldenPool {
 public:
  GoldenPool();

  const crypto::SecretKey code_key;
  const crypto::SecretKey file_key;
  static constexpr const char* k_passphrase = "correct horse battery staple";

  Keyring keyring;
  std::map<std::string, Bytes> objects;  // by path
  // Of each epoch and root: for the code, the passphrase, the key file.
  std::vector<GoldenSlot> slots;
  std::vector<GoldenPack> packs;  // 4+2 of epoch 1, then 1+2 and 1+1 of the two roots of epoch 2
  // In the order in which they were written.
  std::vector<GoldenDocument> documents;
  // What must come back: name:tag -> path -> content.
  std::map<std::string, std::map<std::string, Bytes>> models;

 private:
  using Files = std::map<std::string, Bytes>;
  struct Chain {
    WriterId writer{};
    std::vector<Hash256> names;  // of its records
    std::vector<Bytes> cbor;     // of its records
    std::optional<ChainHead> checkpoint;
    std::vector<ChainHead> parts;
  };
  ChainHead head_of(const Chain& chain) const { return {chain.names.size(), chain.names.back()}; }

  void begin_pool();
  void add_tiny();
  void begin_epoch_twice();
  void join_both();
  void add_note();
  void use_every_kind();

  Hash256 write(ObjectType type, const Bytes& cbor);
  Hash256 write_in_chain(ObjectType type, const Chain& chain, std::uint64_t seq, const Bytes& cbor);
  void write_record(Chain& chain, std::vector<Change> changes, std::map<WriterId, ChainHead> heads = {});
  // A part with these records of the chain; those between are left out.
  void write_part(Chain& chain, const std::vector<std::uint64_t>& numbers);
  // Covers the whole chain; its last part has been written.
  void write_checkpoint(Chain& chain);
  // The change that begins the current epoch of the keyring, and the slots of the preferred root.
  std::vector<Change> epoch_changes();
  std::vector<Change> write_slots();
  GoldenPack write_pack(const PackShape& shape, crypto::Suite suite, const std::vector<Bytes>& plains);
  ManifestNaming write_manifest(const std::string& model, const std::string& tag, const Files& files,
                                const std::vector<Fragment>& fragments, const std::vector<Pack>& used);
  ManifestNaming write_note(const Bytes& note);

  test::FixedRandom random_;
  Chain first_;
  Chain second_;
  StoreAdded store_;
  std::vector<MadeSlot> first_slots_;  // of each secret
  std::optional<ManifestNaming> note_;
};

}  // namespace modelfloat::mf1
