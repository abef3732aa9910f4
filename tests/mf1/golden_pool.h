#pragma once
// A small pool with everything in it, the same bytes each time: what tests/golden/mf1-vectors.json
// is written from.

#include <map>
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

class GoldenPool {
 public:
  GoldenPool();

  const crypto::SecretKey code_key;
  const crypto::SecretKey file_key;
  static constexpr const char* k_passphrase = "correct horse battery staple";

  Keyring keyring;
  std::map<std::string, Bytes> objects;  // by path
  // Paths: of the code, the passphrase, the key file.
  std::vector<std::string> slots;
  std::vector<GoldenPack> packs;  // 4+2, then 1+2
  // In the order in which they were written.
  std::vector<GoldenDocument> documents;
  // What must come back: name:tag -> path -> content.
  std::map<std::string, std::map<std::string, Bytes>> models;

 private:
  Hash256 write(ObjectType type, const Bytes& cbor);
  void write_record(std::vector<Change> changes);
  void write_slots();
  GoldenPack write_pack(const PackShape& shape, crypto::Suite suite, const std::vector<Bytes>& plains);
  ManifestNaming write_manifest(const std::string& model, const std::string& tag,
                                const std::map<std::string, Bytes>& files, const std::vector<Fragment>& fragments,
                                const std::vector<Pack>& used);

  test::FixedRandom random_;
  WriterId writer_{};
  std::vector<SeenRecord> chain_;
};

}  // namespace modelfloat::mf1
