#include "manifest_samples.h"

#include <algorithm>

namespace modelfloat::mf1 {

std::string Samples::word() {
  static const char* const words[] = {"model", "weights", "tokenizer.json", "Q4_K", "größe",
                                      "模型",  "a",       "x-y_z",          "v1.0"};
  std::string text = words[below(std::size(words))];
  return below(2) == 0 ? text : text + std::to_string(below(100000));
}

std::vector<Hash256> Samples::names(std::size_t count) {
  std::vector<Hash256> result;
  for (std::size_t i = 0; i < count; ++i) result.push_back(array<32>());
  return result;
}

ManifestRoot Samples::root() {
  ManifestRoot root;
  root.structure = array<32>();
  root.model = word() + "/" + word();
  root.revision = array<20>();
  root.created_at = any_number();
  root.epoch = static_cast<std::uint32_t>(1 + below(300));
  for (std::uint64_t i = below(4); i > 0; --i) root.card[word()] = word();
  for (std::uint64_t i = below(6); i > 0; --i) {
    FileEntry file;
    file.path = "d" + std::to_string(i) + "/" + word();
    file.size_bytes = below(std::uint64_t{1} << (1 + below(40)));
    file.sha256 = array<32>();
    file.git_oid = array<20>();
    file.cutter = word();
    file.format = word();
    file.fragments = (file.size_bytes + k_max_fragment_bytes - 1) / k_max_fragment_bytes;
    if (below(3) == 0) file.trouble = word();
    for (std::uint64_t j = below(4); j > 0; --j) {
      const std::uint64_t offset = below(file.size_bytes + 1);
      file.tensors.push_back({word(), word(), {any_number(), 3}, offset, below(file.size_bytes - offset + 1)});
    }
    root.files.push_back(std::move(file));
  }
  std::sort(root.files.begin(), root.files.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
  root.segments = names(root.fragment_count() / k_fragments_per_segment + 1);
  return root;
}

StructureRoot Samples::structure_root() {
  const auto segments = below(5);
  return {names(segments), names(segments + below(2)), static_cast<std::uint8_t>(below(4))};
}

Pack Samples::pack() {
  Pack pack;
  pack.id = array<32>();
  pack.epoch = static_cast<std::uint32_t>(1 + below(3));
  pack.suite = static_cast<std::uint8_t>(1 + below(2));
  pack.k = static_cast<std::uint8_t>(1 + below(16));
  pack.m = static_cast<std::uint8_t>(below(9));
  pack.slice_bytes = 64 * (1 + below(1 << 20));
  pack.survive = static_cast<std::uint8_t>(below(4));
  pack.shards = names(pack.k == 1 ? 1 : pack.shard_count());
  return pack;
}

StructureSegment Samples::structure_segment() {
  StructureSegment segment;
  for (std::uint64_t i = below(5); i > 0; --i) segment.packs.push_back(pack());
  return segment;
}

Fragment Samples::fragment(const std::vector<PackId>& packs) {
  Fragment fragment;
  fragment.id = array<32>();
  fragment.plain_bytes = static_cast<std::uint32_t>(1 + below(std::uint64_t{1} << (1 + below(20))));
  fragment.codec.id = static_cast<CodecId>(below(2));
  fragment.codec.parameter = static_cast<std::uint8_t>(below(20) * static_cast<std::uint8_t>(fragment.codec.id));
  if (below(3) == 0) {
    fragment.plain_bytes %= 200;
    ++fragment.plain_bytes;
    fragment.place = test::random_bytes(fragment.plain_bytes, random_.number());
  } else {
    const auto number = static_cast<std::uint32_t>(below(65536));
    fragment.place = FrameRef{packs[below(packs.size())], below(1U << 31), fragment.plain_bytes + 16, number};
  }
  return fragment;
}

ContentSegment Samples::content_segment() {
  ContentSegment segment;
  segment.structure = array<32>();
  const auto packs = names(1 + below(4));
  for (std::uint64_t i = below(30); i > 0; --i) segment.fragments.push_back(fragment(packs));
  if (below(3) == 0) {
    for (std::uint64_t i = 1 + below(4); i > 0; --i) segment.bases.push_back(fragment(packs));
  }
  return segment;
}

ManifestNaming Samples::naming() { return {word(), word(), array<20>(), {array<32>(), array<32>()}}; }

std::vector<CondemnedObject> Samples::objects() {
  std::vector<CondemnedObject> result;
  for (std::uint64_t i = below(4); i > 0; --i) {
    CondemnedObject object{static_cast<ObjectType>(1 + below(8)), array<32>(), std::nullopt};
    if (below(2) == 0) object.store = array<16>();
    result.push_back(object);
  }
  return result;
}

StoreAdded Samples::store() {
  return {array<16>(), word(), "local:/" + word(), word(), any_number(), static_cast<StoreUse>(below(2))};
}

EpochBegun Samples::epoch() {
  EpochBegun change;
  change.epoch = static_cast<std::uint32_t>(2 + below(20));
  for (std::uint64_t i = below(4); i > 0; --i) {
    change.wrapped.push_back({static_cast<std::uint32_t>(1 + below(20)), array<24>(), array<48>()});
  }
  return change;
}

Change Samples::change() {
  const auto small = [&] { return static_cast<std::uint8_t>(below(20)); };
  switch (below(14)) {
    case 0: return Prepared{naming()};
    case 1: return Committed{naming()};
    case 2: return Untagged{word(), word()};
    case 3: return Removed{word(), names(below(3))};
    case 4: return Replaced{word(), array<20>(), array<32>(), {array<32>(), array<32>()}};
    case 5: return Condemned{objects(), any_number()};
    case 6: return Spared{array<32>(), objects()};
    case 7: return Deleted{names(below(3))};
    case 8: return store();
    case 9: return StoreRemoved{array<16>()};
    case 10: return SlotAdded{array<16>(), array<32>(), small(), small(), array<32>()};
    case 11: return SlotRemoved{array<16>()};
    case 12: return epoch();
    default: return PolicySet{small(), small(), small()};
  }
}

std::vector<std::string> Samples::must() {
  std::vector<std::string> result;
  if (below(4) != 0) return result;
  for (std::uint64_t i = 1 + below(2); i > 0; --i) result.push_back(word());
  return result;
}

std::map<WriterId, ChainHead> Samples::heads() {
  std::map<WriterId, ChainHead> result;
  for (std::uint64_t i = below(4); i > 0; --i) result[array<16>()] = {any_number(), array<32>()};
  return result;
}

LogRecord Samples::record() {
  LogRecord record;
  record.writer = array<16>();
  record.seq = 1 + below(1000);
  record.previous = array<32>();
  record.heads = heads();
  record.time = any_number();
  for (std::uint64_t i = below(5); i > 0; --i) record.changes.push_back(change());
  record.must = must();
  return record;
}

Checkpoint Samples::checkpoint() {
  Checkpoint checkpoint;
  checkpoint.writer = array<16>();
  checkpoint.hash = array<32>();
  if (below(2) == 0) checkpoint.before = ChainHead{1 + below(1000), array<32>()};
  checkpoint.records = names(1 + below(5));
  checkpoint.seq = checkpoint.first_seq() + checkpoint.records.size() - 1;
  for (std::uint64_t seq = below(3); seq < checkpoint.seq && checkpoint.parts.size() < 3; seq += 1 + below(9)) {
    if (seq > 0) checkpoint.parts.push_back({seq, array<32>()});
  }
  checkpoint.parts.push_back({checkpoint.seq, array<32>()});
  for (std::uint64_t i = below(3); i > 0; --i) checkpoint.stores.push_back(store());
  checkpoint.must = must();
  return checkpoint;
}

std::vector<LogRecord> Samples::chain(std::size_t count) {
  std::vector<LogRecord> records;
  const auto writer = array<16>();
  std::uint64_t seq = 0;
  for (std::size_t i = 0; i < count; ++i) {
    LogRecord& one = records.emplace_back(record());
    one.writer = writer;
    one.seq = seq += 1 + below(3);
  }
  return records;
}

}  // namespace modelfloat::mf1
