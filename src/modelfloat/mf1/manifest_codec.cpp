#include "modelfloat/mf1/manifest_codec.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "modelfloat/base/error.h"
#include "modelfloat/base/hex.h"
#include "modelfloat/base/utf8.h"
#include "modelfloat/crypto/aead.h"
#include "modelfloat/crypto/hash.h"
#include "modelfloat/domain/redundancy.h"
#include "modelfloat/mf1/cbor.h"
#include "modelfloat/mf1/manifest_rules.h"
#include "modelfloat/mf1/pack_layout.h"
#include "modelfloat/mf1/shard.h"

namespace modelfloat::mf1 {
namespace {

constexpr std::size_t k_framed_items = 8;  // of a fragment in a pack; one more with a base
constexpr std::size_t k_inline_items = 5;  // of one in the manifest; one more with a base

void write_names(CborWriter& to, const std::vector<Hash256>& names) {
  to.array(names.size());
  for (const Hash256& name : names) to.bytes(name);
}

std::vector<Hash256> read_names(CborReader& from, std::size_t max = SIZE_MAX) {
  std::vector<Hash256> names;
  for (std::size_t left = from.array(max); left > 0; --left) names.push_back(from.fixed<32>());
  return names;
}

std::vector<Hash256> read_names(CborReader&& from, std::size_t max = SIZE_MAX) { return read_names(from, max); }

// The names in `must` are those of things that a reader has to understand. There are none yet.
void refuse_unknown_needs(const CborMembers& members) {
  auto must = members.find("must");
  if (!must) return;
  std::string names;
  for (std::size_t left = must->array(); left > 0; --left) {
    names += (names.empty() ? "\"" : ", \"") + std::string(must->text()) + "\"";
  }
  if (names.empty()) return;
  throw Error(ErrorKind::unsupported, "manifest",
              "needs " + names + ", which this version of ModelFloat does not know");
}

// The members of a root or a segment that this version understands.
CborMembers members_of(ByteSpan cbor, std::string_view kind) {
  auto members = CborMembers::of(cbor);
  members.require_kind(kind);
  refuse_unknown_needs(members);
  return members;
}

// A problem found when writing is the caller's mistake, when reading the document's.
void require(const std::optional<Problem>& problem, ErrorKind kind) {
  if (!problem) return;
  throw Error(problem->unsupported ? ErrorKind::unsupported : kind, "manifest", problem->what);
}

void write_tensors(CborWriter& to, const std::vector<Tensor>& tensors) {
  to.array(tensors.size());
  for (const Tensor& tensor : tensors) {
    to.array(5);
    to.text(tensor.name);
    to.text(tensor.dtype);
    to.array(tensor.shape.size());
    for (const std::uint64_t dimension : tensor.shape) to.number(dimension);
    to.number(tensor.offset);
    to.number(tensor.length_bytes);
  }
}

std::vector<Tensor> read_tensors(CborReader& from) {
  std::vector<Tensor> tensors;
  for (std::size_t left = from.array(k_max_tensors); left > 0; --left) {
    Tensor& tensor = tensors.emplace_back();
    from.tuple(5);
    tensor.name = from.text();
    tensor.dtype = from.text();
    tensor.shape.resize(from.array(k_max_dimensions));
    for (std::uint64_t& dimension : tensor.shape) dimension = from.number();
    tensor.offset = from.number();
    tensor.length_bytes = from.number();
  }
  return tensors;
}

// Tables that not every reader of texts can show, or that are too large, are left out.
bool has_plain_names(const std::vector<Tensor>& tensors) {
  return std::all_of(tensors.begin(), tensors.end(),
                     [](const Tensor& tensor) { return is_utf8(tensor.name) && is_utf8(tensor.dtype); });
}

void write_file(CborWriter& to, const FileEntry& file, bool with_tensors) {
  CborMap map;
  map.text("path", file.path)
      .number("size", file.size_bytes)
      .bytes("sha256", file.sha256)
      .bytes("git_oid", file.git_oid)
      .text("cutter", file.cutter)
      .text("format", file.format)
      .number("fragments", file.fragments);
  if (!file.trouble.empty()) map.text("trouble", file.trouble);
  if (with_tensors && !file.tensors.empty() && has_plain_names(file.tensors)) {
    map.item("tensors", [&](CborWriter& writer) { write_tensors(writer, file.tensors); });
  }
  to.map(std::move(map));
}

FileEntry read_file(CborReader& from) {
  const CborMembers members(from);
  FileEntry file;
  file.path = members.at("path").text();
  file.size_bytes = members.at("size").number();
  file.sha256 = members.at("sha256").fixed<32>();
  file.git_oid = members.at("git_oid").fixed<20>();
  file.cutter = members.at("cutter").text();
  file.format = members.at("format").text();
  file.fragments = members.at("fragments").number();
  if (auto trouble = members.find("trouble")) file.trouble = trouble->text();
  if (auto tensors = members.find("tensors")) file.tensors = read_tensors(*tensors);
  return file;
}

void write_pack(CborWriter& to, const Pack& pack) {
  to.array(8);
  to.bytes(pack.id);
  to.number(pack.epoch);
  to.number(pack.suite);
  to.number(pack.k);
  to.number(pack.m);
  to.number(pack.slice_bytes);
  to.number(pack.survive);
  write_names(to, pack.shards);
}

Pack read_pack(CborReader& from) {
  from.tuple(8);
  Pack pack;
  pack.id = from.fixed<32>();
  pack.epoch = from.small<std::uint32_t>();
  pack.suite = from.small<std::uint8_t>();
  pack.k = from.small<std::uint8_t>();
  pack.m = from.small<std::uint8_t>();
  pack.slice_bytes = from.number();
  pack.survive = from.small<std::uint8_t>();
  pack.shards = read_names(from);
  return pack;
}

// The packs of a content segment in the order in which its fragments, then its bases, first name
// them.
class PackTable {
 public:
  explicit PackTable(const ContentSegment& segment) {
    for (const Fragment& fragment : segment.fragments) add(fragment);
    for (const Fragment& base : segment.bases) add(base);
  }
  const std::vector<PackId>& packs() const noexcept { return packs_; }
  std::uint64_t index_of(const PackId& pack) const { return indices_.at(pack); }

 private:
  void add(const Fragment& fragment) {
    const FrameRef* const frame = fragment.frame();
    if (frame != nullptr && indices_.emplace(frame->pack, packs_.size()).second) packs_.push_back(frame->pack);
  }

  std::map<PackId, std::uint64_t> indices_;
  std::vector<PackId> packs_;
};

void write_fragment(CborWriter& to, const Fragment& fragment, const PackTable& table) {
  const FrameRef* const frame = fragment.frame();
  to.array(frame != nullptr ? k_framed_items : k_inline_items);
  to.bytes(fragment.id);
  to.number(fragment.plain_bytes);
  to.number(static_cast<std::uint8_t>(fragment.codec.id));
  to.number(fragment.codec.parameter);
  if (frame != nullptr) {
    to.number(table.index_of(frame->pack));
    to.number(frame->offset);
    to.number(frame->sealed_bytes);
    to.number(frame->number);
  } else {
    to.bytes(*fragment.inline_bytes());
  }
}

void write_fragments(CborWriter& to, const std::vector<Fragment>& fragments, const PackTable& table) {
  to.array(fragments.size());
  for (const Fragment& fragment : fragments) write_fragment(to, fragment, table);
}

FrameRef read_frame(CborReader& from, const std::vector<PackId>& packs) {
  if (packs.empty()) CborReader::fail("a fragment names a pack that is not listed");
  FrameRef frame;
  frame.pack = packs[from.number(packs.size() - 1)];
  frame.offset = from.number();
  frame.sealed_bytes = from.small<std::uint32_t>();
  frame.number = from.small<std::uint32_t>();
  return frame;
}

// `bases`: how many the segment lists; a fragment with a base names one of them.
Fragment read_fragment(CborReader& from, const std::vector<PackId>& packs, std::size_t bases) {
  const std::size_t items = from.array(k_framed_items + 1);
  const bool is_framed = items == k_framed_items || items == k_framed_items + 1;
  const bool is_inline = items == k_inline_items || items == k_inline_items + 1;
  if (!is_framed && !is_inline) CborReader::fail("a fragment has a wrong number of items");
  Fragment fragment;
  fragment.id = from.fixed<32>();
  fragment.plain_bytes = from.small<std::uint32_t>();
  fragment.codec.id = static_cast<CodecId>(from.small<std::uint8_t>());
  fragment.codec.parameter = from.small<std::uint8_t>();
  if (is_framed) {
    fragment.place = read_frame(from, packs);
  } else {
    fragment.place = to_bytes(from.bytes());
  }
  if (items != k_framed_items && items != k_inline_items) {
    if (bases == 0) CborReader::fail("a fragment has a base fragment that is not listed");
    from.number(bases - 1);
    throw Error(ErrorKind::unsupported, "manifest",
                "has a fragment with a base fragment, which this version of ModelFloat cannot read");
  }
  return fragment;
}

std::vector<Fragment> read_fragments(CborReader from, const std::vector<PackId>& packs, std::size_t bases) {
  std::vector<Fragment> fragments;
  for (std::size_t left = from.array(k_fragments_per_segment); left > 0; --left) {
    fragments.push_back(read_fragment(from, packs, bases));
  }
  return fragments;
}

// No pack comes twice.
std::vector<PackId> read_pack_table(CborReader from) {
  std::vector<PackId> packs = read_names(from, k_fragments_per_segment);
  if (std::set<PackId>(packs.begin(), packs.end()).size() != packs.size()) {
    CborReader::fail("a segment lists a pack twice");
  }
  return packs;
}

std::map<std::string, std::string> read_card(CborReader from) {
  std::map<std::string, std::string> card;
  from.map([&](std::string_view key) { card.emplace(key, from.text()); });
  return card;
}

}  // namespace

std::uint64_t listed_bytes(const FileEntry& file, bool with_tensors) {
  CborWriter writer;
  write_file(writer, file, with_tensors);
  return writer.view().size();
}

Bytes to_cbor(const ManifestRoot& root) {
  require(problem_of(root), ErrorKind::invalid);
  const bool with_tensors = tensor_count(root) <= k_max_tensors;
  CborMap map;
  map.text("kind", "root")
      .bytes("structure", root.structure)
      .text("model", root.model)
      .bytes("revision", root.revision)
      .number("created_at", root.created_at)
      .number("epoch", root.epoch)
      .item("card",
            [&](CborWriter& to) {
              CborMap card;
              for (const auto& [key, value] : root.card) card.text(key, value);
              to.map(std::move(card));
            })
      .item("files",
            [&](CborWriter& to) {
              to.array(root.files.size());
              for (const FileEntry& file : root.files) write_file(to, file, with_tensors);
            })
      .item("segments", [&](CborWriter& to) { write_names(to, root.segments); });
  return std::move(map).encoded();
}

ManifestRoot manifest_root_from_cbor(ByteSpan cbor) {
  const auto members = members_of(cbor, "root");
  ManifestRoot root;
  root.structure = members.at("structure").fixed<32>();
  root.model = members.at("model").text();
  root.revision = members.at("revision").fixed<20>();
  root.created_at = members.at("created_at").number();
  root.epoch = members.at("epoch").small<std::uint32_t>();
  root.card = read_card(members.at("card"));
  CborReader files = members.at("files");
  for (std::size_t left = files.array(); left > 0; --left) root.files.push_back(read_file(files));
  root.segments = read_names(members.at("segments"));
  require(problem_of(root), ErrorKind::corrupt);
  return root;
}

Bytes to_cbor(const StructureRoot& root) {
  require(problem_of(root), ErrorKind::invalid);
  CborMap map;
  map.text("kind", "root")
      .number("survive", root.survive)
      .item("segments", [&](CborWriter& to) { write_names(to, root.segments); })
      .item("contents", [&](CborWriter& to) { write_names(to, root.contents); });
  return std::move(map).encoded();
}

StructureRoot structure_root_from_cbor(ByteSpan cbor) {
  const auto members = members_of(cbor, "root");
  StructureRoot root;
  root.segments = read_names(members.at("segments"));
  root.contents = read_names(members.at("contents"));
  root.survive = members.at("survive").small<std::uint8_t>();
  require(problem_of(root), ErrorKind::corrupt);
  return root;
}

Bytes to_cbor(const ContentSegment& segment) {
  require(problem_of(segment), ErrorKind::invalid);
  const PackTable table(segment);
  CborMap map;
  map.text("kind", "segment")
      .bytes("structure", segment.structure)
      .item("packs", [&](CborWriter& to) { write_names(to, table.packs()); })
      .item("fragments", [&](CborWriter& to) { write_fragments(to, segment.fragments, table); });
  if (!segment.bases.empty()) {
    map.item("bases", [&](CborWriter& to) { write_fragments(to, segment.bases, table); });
  }
  return std::move(map).encoded();
}

ContentSegment content_segment_from_cbor(ByteSpan cbor) {
  const auto members = members_of(cbor, "segment");
  ContentSegment segment;
  segment.structure = members.at("structure").fixed<32>();
  const std::vector<PackId> packs = read_pack_table(members.at("packs"));
  // A base has no base itself.
  if (const auto bases = members.find("bases")) segment.bases = read_fragments(*bases, packs, 0);
  segment.fragments = read_fragments(members.at("fragments"), packs, segment.bases.size());
  require(problem_of(segment), ErrorKind::corrupt);
  return segment;
}

Bytes to_cbor(const StructureSegment& segment) {
  require(problem_of(segment), ErrorKind::invalid);
  CborMap map;
  map.text("kind", "segment").item("packs", [&](CborWriter& to) {
    to.array(segment.packs.size());
    for (const Pack& pack : segment.packs) write_pack(to, pack);
  });
  return std::move(map).encoded();
}

StructureSegment structure_segment_from_cbor(ByteSpan cbor) {
  const auto members = members_of(cbor, "segment");
  StructureSegment segment;
  CborReader packs = members.at("packs");
  for (std::size_t left = packs.array(k_fragments_per_segment); left > 0; --left) {
    segment.packs.push_back(read_pack(packs));
  }
  require(problem_of(segment), ErrorKind::corrupt);
  return segment;
}

ManifestPart manifest_part_of(ByteSpan cbor) {
  const std::string_view kind = CborMembers::of(cbor).at("kind").text();
  if (kind != "root" && kind != "segment") CborReader::fail("is no part of a manifest");
  return kind == "root" ? ManifestPart::root : ManifestPart::segment;
}

void check_frames_fit(const ContentSegment& content, const StructureSegment& structure) {
  std::map<PackId, std::uint64_t> pack_bytes;
  for (const Pack& pack : structure.packs) pack_bytes[pack.id] = pack.pack_bytes();
  const auto check = [&](const Fragment& fragment) {
    const FrameRef* const frame = fragment.frame();
    if (frame == nullptr) return;
    const auto pack = pack_bytes.find(frame->pack);
    const auto end = checked_add(frame->offset, frame->sealed_bytes + k_pack_end_bytes);
    if (pack == pack_bytes.end() || !end || *end > pack->second) {
      throw Error(ErrorKind::corrupt, "pack " + to_hex(frame->pack), "a manifest says that more lies in it than does");
    }
  };
  std::for_each(content.fragments.begin(), content.fragments.end(), check);
  std::for_each(content.bases.begin(), content.bases.end(), check);
}

RevisionId revision_id(std::span<const FileEntry> files) {
  CborWriter writer;
  writer.array(files.size());
  for (const FileEntry& file : files) {
    writer.array(3);
    writer.text(file.path);
    writer.number(file.size_bytes);
    writer.bytes(file.sha256);
  }
  const Hash256 hash = crypto::sha256(writer.view());
  RevisionId id;
  std::copy_n(hash.begin(), id.size(), id.begin());
  return id;
}

}  // namespace modelfloat::mf1
