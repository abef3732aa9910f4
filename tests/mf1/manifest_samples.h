#pragma once
// Manifests and log records that look like real ones, the same for the same seed.

#include "support/fixed_random.h"

#include "modelfloat/domain/log_record.h"
#include "modelfloat/domain/manifest.h"

namespace modelfloat::mf1 {

class Samples {
 public:
  explicit Samples(std::uint64_t seed) : random_(seed) {}

  std::uint64_t below(std::uint64_t bound) { return random_.number() % bound; }
  // Numbers of all lengths, so that every form of CBOR's heads comes up.
  std::uint64_t any_number() { return random_.number() >> below(64); }
  template <std::size_t N>
  std::array<std::byte, N> array() {
    return random_.array<N>();
  }
  std::string word();
  ManifestRoot root();
  StructureRoot structure_root();
  ContentSegment content_segment();
  StructureSegment structure_segment();
  Pack pack();
  LogRecord record();
  Checkpoint checkpoint();
  // Records of one writer with ascending numbers, some of which are left out.
  std::vector<LogRecord> chain(std::size_t count);

 private:
  std::vector<Hash256> names(std::size_t count);
  ManifestNaming naming();
  std::vector<CondemnedObject> objects();
  StoreAdded store();
  EpochBegun epoch();
  Fragment fragment(const std::vector<PackId>& packs);
  std::vector<std::string> must();
  Change change();
  std::map<WriterId, ChainHead> heads();

  test::FixedRandom random_;
};

}  // namespace modelfloat::mf1
