#include "modelfloat/mf1/log_codec.h"

#include <optional>
#include <string>
#include <string_view>

#include "modelfloat/base/error.h"
#include "modelfloat/mf1/cbor.h"
#include "modelfloat/mf1/change_codec.h"

namespace modelfloat::mf1 {
namespace {

void write_heads(CborWriter& to, const std::map<WriterId, ChainHead>& heads) {
  CborMap map;
  for (const auto& [writer, head] : heads) {
    map.item(writer, [&](CborWriter& value) {
      value.array(2);
      value.number(head.seq);
      value.bytes(head.hash);
    });
  }
  to.map(std::move(map));
}

std::map<WriterId, ChainHead> read_heads(CborReader& from) {
  std::map<WriterId, ChainHead> heads;
  from.bytes_map<16>([&](const WriterId& writer) {
    from.tuple(2);
    ChainHead& head = heads[writer];
    head.seq = from.number();
    head.hash = from.fixed<32>();
  });
  return heads;
}

void write_chain_names(CborWriter& to, std::span<const ChainHead> names) {
  to.array(names.size());
  for (const ChainHead& name : names) {
    to.array(2);
    to.number(name.seq);
    to.bytes(name.hash);
  }
}

ChainHead read_chain_name(CborReader& from) {
  from.tuple(2);
  const std::uint64_t seq = from.number();
  return {seq, from.fixed<32>()};
}

bool is_entry(ByteSpan cbor) {
  constexpr std::uint8_t k_array = 4;
  return !cbor.empty() && (std::to_integer<std::uint8_t>(cbor.front()) >> 5) == k_array;
}

constexpr std::size_t k_entry_items = 5;

// Reads an entry item by item; `must` is the optional sixth.
template <typename Visit>
void read_entry(CborReader& from, Visit&& visit) {
  const std::size_t items = from.array(k_entry_items + 1);
  if (items < k_entry_items) CborReader::fail("an entry of a checkpoint is too short");
  const std::uint64_t seq = from.number();
  const Hash256 hash = from.fixed<32>();
  visit(seq, hash, items > k_entry_items);
}

void require_counted(std::uint64_t seq, ErrorKind kind, std::string_view what) {
  if (seq == 0) throw Error(kind, std::string(what), "records are counted from 1");
}

// What is wrong with the numbers of a checkpoint; empty when nothing is.
std::string_view problem_of(const Checkpoint& checkpoint) {
  if (checkpoint.seq == 0 || (checkpoint.before && checkpoint.before->seq == 0)) return "records are counted from 1";
  const std::uint64_t covered = checkpoint.before ? checkpoint.before->seq : 0;
  if (covered > checkpoint.seq || checkpoint.seq - covered != checkpoint.records.size())
    return "it does not name the records that it covers";
  std::uint64_t before = 0;
  for (const ChainHead& part : checkpoint.parts) {
    if (part.seq <= before || part.seq > checkpoint.seq) return "its parts are not in order";
    before = part.seq;
  }
  if (before != checkpoint.seq) return "its parts do not reach its end";
  return {};
}

}  // namespace

Bytes to_cbor(const LogRecord& record) {
  require_counted(record.seq, ErrorKind::invalid, "log record");
  CborMap map;
  map.bytes("writer", record.writer)
      .number("seq", record.seq)
      .bytes("previous", record.previous)
      .item("heads", [&](CborWriter& to) { write_heads(to, record.heads); })
      .number("time", record.time)
      .item("changes", [&](CborWriter& to) { write_changes(to, record.changes); });
  write_must(map, record.must);
  return std::move(map).encoded();
}

// Reads what only a reader may act on that understands all names in `must`. Where there are any, it
// may look otherwise than this version knows, and is left out then.
template <typename Read>
static void read_by_need(const std::vector<std::string>& must, const Read& read) {
  try {
    read();
  } catch (const Error& error) {
    if (must.empty() || error.kind != ErrorKind::corrupt) throw;
  }
}

static void read_content(LogRecord& record, CborReader heads, CborReader time, CborReader changes) {
  read_by_need(record.must, [&] {
    auto known = read_heads(heads);
    record.time = time.number();
    record.changes = read_changes(changes);
    record.heads = std::move(known);
  });
}

LogRecord log_record_from_cbor(ByteSpan cbor) {
  const auto members = CborMembers::of(cbor);
  LogRecord record;
  record.must = read_must(members.find("must"));
  record.writer = members.at("writer").fixed<16>();
  record.seq = members.at("seq").number();
  read_by_need(record.must, [&] { record.previous = members.at("previous").fixed<32>(); });
  read_by_need(record.must,
               [&] { read_content(record, members.at("heads"), members.at("time"), members.at("changes")); });
  require_counted(record.seq, ErrorKind::corrupt, "log record");
  return record;
}

LogRecord record_from_either(ByteSpan cbor, const WriterId& writer) {
  if (!is_entry(cbor)) return log_record_from_cbor(cbor);
  LogRecord record;
  record.writer = writer;
  CborReader from(cbor);
  read_entry(from, [&](std::uint64_t seq, const Hash256&, bool has_must) {
    record.seq = seq;
    const CborReader heads(from.item());
    const CborReader time(from.item());
    const CborReader changes(from.item());
    if (has_must) record.must = read_must(CborReader(from.item()));
    read_content(record, heads, time, changes);
  });
  from.finish();
  require_counted(record.seq, ErrorKind::corrupt, "entry of a checkpoint");
  return record;
}

RecordBytes record_bytes(ByteSpan cbor) {
  RecordBytes bytes;
  const auto split = [&](CborReader changes) {
    for (std::size_t left = changes.array(); left > 0; --left) bytes.changes.push_back(changes.item());
  };
  if (!is_entry(cbor)) {
    const auto members = CborMembers::of(cbor);
    bytes.seq = members.at("seq").number();
    bytes.time = members.at("time").item();
    split(members.at("changes"));
    if (auto must = members.find("must")) bytes.must = must->item();
    return bytes;
  }
  CborReader from(cbor);
  read_entry(from, [&](std::uint64_t seq, const Hash256&, bool has_must) {
    bytes.seq = seq;
    from.skip();  // heads
    bytes.time = from.item();
    split(CborReader(from.item()));
    if (has_must) bytes.must = from.item();
  });
  return bytes;
}

Bytes entry_cbor(const RecordBytes& record, const Hash256& hash, const std::map<WriterId, ChainHead>& heads,
                 std::span<const ByteSpan> changes) {
  CborWriter to;
  to.array(k_entry_items + (record.must.empty() ? 0 : 1));
  to.number(record.seq);
  to.bytes(hash);
  write_heads(to, heads);
  to.encoded(record.time);
  to.array(changes.size());
  for (const ByteSpan change : changes) to.encoded(change);
  if (!record.must.empty()) to.encoded(record.must);
  return to.take();
}

Bytes part_cbor(const WriterId& writer, std::uint64_t seq, std::span<const Bytes> entries) {
  CborMap map;
  map.bytes("writer", writer).number("seq", seq).item("records", [&](CborWriter& to) {
    to.array(entries.size());
    for (const Bytes& entry : entries) to.encoded(entry);
  });
  return std::move(map).encoded();
}

Part part_from_cbor(ByteSpan cbor) {
  const auto members = CborMembers::of(cbor);
  Part part;
  part.must = read_must(members.find("must"));
  part.writer = members.at("writer").fixed<16>();
  part.seq = members.at("seq").number();
  read_by_need(part.must, [&] {
    CborReader records = members.at("records");
    std::vector<PartEntry> entries;
    std::uint64_t before = 0;
    for (std::size_t left = records.array(); left > 0; --left) {
      const ByteSpan entry = records.item();
      CborReader from(entry);
      read_entry(from, [&](std::uint64_t seq, const Hash256& hash, bool) {
        if (seq <= before || seq > part.seq) throw Error(ErrorKind::corrupt, "part", "its records are not in order");
        before = seq;
        entries.push_back({seq, hash, entry});
      });
    }
    if (before == 0 || before != part.seq) throw Error(ErrorKind::corrupt, "part", "does not end with its last record");
    part.entries = std::move(entries);
  });
  return part;
}

Bytes to_cbor(const Checkpoint& checkpoint) {
  if (const auto problem = problem_of(checkpoint); !problem.empty()) {
    throw Error(ErrorKind::invalid, "checkpoint", problem);
  }
  CborMap map;
  map.bytes("writer", checkpoint.writer).number("seq", checkpoint.seq).bytes("hash", checkpoint.hash);
  if (checkpoint.before) {
    map.item("before", [&](CborWriter& to) {
      to.array(2);
      to.number(checkpoint.before->seq);
      to.bytes(checkpoint.before->hash);
    });
  }
  write_hashes(map, "records", checkpoint.records);
  map.item("parts", [&](CborWriter& to) { write_chain_names(to, checkpoint.parts); })
      .item("stores", [&](CborWriter& to) {
        to.array(checkpoint.stores.size());
        for (const StoreAdded& store : checkpoint.stores) write_store(to, store);
      });
  write_must(map, checkpoint.must);
  return std::move(map).encoded();
}

static void read_content(Checkpoint& checkpoint, const CborMembers& members) {
  checkpoint.hash = members.at("hash").fixed<32>();
  if (auto before = members.find("before")) checkpoint.before = read_chain_name(*before);
  checkpoint.records = read_hashes(members.at("records"));
  CborReader parts = members.at("parts");
  for (std::size_t left = parts.array(); left > 0; --left) checkpoint.parts.push_back(read_chain_name(parts));
  CborReader stores = members.at("stores");
  for (std::size_t left = stores.array(); left > 0; --left) checkpoint.stores.push_back(read_store(stores));
  if (const auto problem = problem_of(checkpoint); !problem.empty())
    throw Error(ErrorKind::corrupt, "checkpoint", problem);
}

Checkpoint checkpoint_from_cbor(ByteSpan cbor) {
  const auto members = CborMembers::of(cbor);
  Checkpoint named;
  named.must = read_must(members.find("must"));
  named.writer = members.at("writer").fixed<16>();
  named.seq = members.at("seq").number();
  Checkpoint checkpoint = named;
  bool is_whole = false;
  read_by_need(named.must, [&] {
    read_content(checkpoint, members);
    is_whole = true;
  });
  return is_whole ? checkpoint : named;
}

}  // namespace modelfloat::mf1
