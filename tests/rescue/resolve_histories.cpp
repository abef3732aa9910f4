// Reads the log of histories that tests/rescue/histories.py wrote, and prints for each a line of
// JSON: what the engine makes of it. test_both_readers.py compares it with what tools/rescue.py says.
//
//   resolve_histories once DIR    reads each history as a new home does
//   resolve_histories twice DIR   the same, where a home has read half of the objects before
//
// DIR is what `histories.py write` has filled.

#include <algorithm>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "support/forwarding_store.h"
#include "support/skipping_clock.h"
#include "support/temporary_folder.h"
#include <nlohmann/json.hpp>

#include "modelfloat/base/executor.h"
#include "modelfloat/base/hex.h"
#include "modelfloat/base/log.h"
#include "modelfloat/engine/pool/documents.h"
#include "modelfloat/engine/pool/pool_log.h"
#include "modelfloat/engine/pool/slots.h"
#include "modelfloat/mf1/marker.h"
#include "modelfloat/registry/sqlite/sqlite_registry.h"
#include "modelfloat/store/local/local_store.h"

namespace modelfloat {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

enum class Visible { half, all };

// A folder that shows all of its log, or the half that a bit of the names chooses.
class PartlyVisibleStore final : public test::ForwardingStore {
 public:
  PartlyVisibleStore(const fs::path& folder, const Visible& visible)
      : ForwardingStore(store::make_local_store(folder)), visible_(visible) {}
  std::optional<Bytes> get(const ObjectName& name, ByteRange range, const CallOptions& call) override {
    return shows(name) ? ForwardingStore::get(name, range, call) : std::nullopt;
  }
  void list(std::string_view prefix, const store::ObjectSink& sink, const CallOptions& call) override {
    const auto show = [&](const store::ObjectInfo& info) {
      if (shows(info.name)) sink(info);
    };
    ForwardingStore::list(prefix, show, call);
  }

 private:
  bool shows(const ObjectName& name) const {
    if (visible_ == Visible::all || !name.writer()) return true;
    return (name.hash().value().back() & std::byte{1}) == std::byte{0};
  }

  const Visible& visible_;
};

// All roots that the code gives, those of older epochs, too: the other reader tries every slot.
mf1::Keyring open_slots(store::Store& store, const mf1::SlotSecret& code) {
  std::vector<ObjectName> names;
  store.list("mf1/slot/", [&](const store::ObjectInfo& info) { names.push_back(info.name); }, {});
  std::optional<mf1::Keyring> keys;
  for (const ObjectName& name : names) {
    mf1::Keyring opened = mf1::open_slot(store.get(name, {}, {}).value(), code);
    const std::uint32_t epoch = opened.current_epoch();
    if (keys) {
      keys->add_root(epoch, opened.root(epoch));
    } else {
      keys = std::move(opened);
    }
  }
  return std::move(keys).value();
}

std::uint64_t number_of(StoreUse use) { return use == StoreUse::other ? 2 : static_cast<std::uint64_t>(use); }

json to_json(const PoolState& state, const std::string& why_read_only) {
  json line{{"models", json::object()},      {"tags", json::object()},     {"stores", json::object()},
            {"slots", json::array()},        {"condemned", json::array()}, {"read_only", !why_read_only.empty()},
            {"why_read_only", why_read_only}};
  for (const auto& [content, live] : state.manifests) {
    if (live.committed) line["models"][live.model][to_hex(content)] = to_hex(live.revision);
  }
  for (const auto& [model, tags] : state.tags) {
    for (const auto& [tag, content] : tags) line["tags"][model + ":" + tag] = to_hex(content);
  }
  for (const auto& [id, added] : state.stores) line["stores"][to_hex(id)] = {added.name, number_of(added.use)};
  for (const auto& [id, slot] : state.slots)
    line["slots"].push_back({to_hex(id), to_hex(slot.object), slot.secret, slot.epoch});
  for (const CondemnedObject& one : state.condemned) {
    line["condemned"].push_back(
        {static_cast<std::uint8_t>(one.type), to_hex(one.hash), one.store ? json(to_hex(*one.store)) : json(nullptr)});
  }
  return line;
}

class Resolver {
 public:
  explicit Resolver(const fs::path& folder) : folder_(folder), code_(read_code(folder / "code")) {}

  json resolve(std::uint64_t number, bool twice) {
    registry_->clear();
    std::vector<registry::StoreRow> rows;
    for (const std::string kind : {"history-", "missed-"}) {
      const fs::path store = folder_ / (kind + std::to_string(number));
      if (!fs::exists(store)) continue;
      const auto marker = store::make_local_store(store)->get(ObjectName::marker(), {}, {});
      // All in one failure domain: so nothing that cannot be opened is junk for lying on too few.
      rows.push_back({mf1::parse_marker(marker.value()).store, kind, store.string(), "domain", 0, {}});
    }
    Visible visible = twice ? Visible::half : Visible::all;
    const auto open = [&](const registry::StoreRow& row) {
      return std::make_unique<PartlyVisibleStore>(row.url, visible);
    };
    mf1::Keyring keys = open_slots(*open(rows.front()), code_);
    transfer::StoreSet stores(rows, {executor_, clock_, keys.pool_tag(), open});
    engine::Documents documents(environment_, stores);
    json line = read(keys, stores, documents);
    if (twice) {
      visible = Visible::all;
      line = read(keys, stores, documents);
    }
    line["history"] = number;
    return line;
  }

 private:
  static mf1::SlotSecret read_code(const fs::path& file) {
    std::ifstream from(file);
    const std::string text{std::istreambuf_iterator(from), {}};
    return mf1::SlotSecret::recovery_code(mf1::RecoveryCode::parse(text));
  }

  // As a recovery does, until the keys of all older epochs are known.
  json read(mf1::Keyring& keys, transfer::StoreSet& stores, engine::Documents& documents) {
    for (;;) {
      engine::PoolLog log(environment_, keys, stores, documents);
      log.sync({});
      const PoolState state = log.state();
      if (!engine::add_older_epochs(keys, state)) return to_json(state, log.why_read_only());
    }
  }

  const fs::path folder_;
  const mf1::SlotSecret code_;
  const test::TemporaryFolder home_;
  test::SkippingClock clock_;
  SystemRandom random_;
  InlineExecutor executor_;
  const std::unique_ptr<registry::Registry> registry_ = registry::open_sqlite_registry(home_ / "registry.db");
  const engine::Environment environment_{clock_, random_, executor_, executor_, *registry_};
};

std::vector<std::uint64_t> numbers_of(const fs::path& folder) {
  constexpr std::string_view k_begin = "history-";
  std::vector<std::uint64_t> numbers;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (name.rfind(k_begin, 0) == 0) numbers.push_back(std::stoull(name.substr(k_begin.size())));
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

}  // namespace
}  // namespace modelfloat

int main(int count, char** arguments) {
  using namespace modelfloat;
  const std::string mode = count == 3 ? arguments[1] : "";
  if (mode != "once" && mode != "twice") {
    std::fputs("usage: resolve_histories once|twice DIR\n", stderr);
    return 2;
  }
  // Forks and gaps are in most histories.
  set_log_level(LogLevel::error);
  std::uint64_t at = 0;
  try {
    Resolver resolver(arguments[2]);
    for (const std::uint64_t number : numbers_of(arguments[2])) {
      at = number;
      std::puts(resolver.resolve(number, mode == "twice").dump().c_str());
    }
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "history %llu: %s\n", static_cast<unsigned long long>(at), error.what());
    return 1;
  }
}
