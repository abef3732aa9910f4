#include "modelfloat/cli/store_settings.h"

#include <fmt/format.h>

#include "modelfloat/mf1/marker.h"
#include "modelfloat/store/store_factory.h"
#include "modelfloat/transfer/stores/timeouts.h"

namespace modelfloat::cli {

void keep_settings(registry::StoreRecords& registry, const engine::StoreSecrets& secrets, const StoreId& id,
                   const store::StoreSettings& settings, store::SessionVault& vault,
                   std::optional<std::string> bandwidth) {
  registry.transaction([&] {
    engine::save_settings(registry, secrets, id, settings, std::move(bandwidth));
    const auto session = vault.load();
    engine::RegistryVault(registry, secrets, id).save(session ? session->bytes() : ByteSpan());
  });
}

std::unique_ptr<store::Store> open_with_scratch_session(Session& session, const std::string& url,
                                                        const store::StoreSettings& settings, ScratchSession& scratch,
                                                        const store::SharedBandwidth& all, store::Bandwidth own) {
  return store::make_standard(store::make_store(url, settings, {session.clock(), session.random(), scratch.vault}), url,
                              all, own, scratch.ledger, session.clock(), session.random());
}

static std::optional<Bytes> read_marker(Session& session, const std::string& url, const store::StoreSettings& settings,
                                        ScratchSession& scratch) {
  return open_with_scratch_session(session, url, settings, scratch)
      ->get(ObjectName::marker(), {},
            transfer::within(session.call(), session.clock(), transfer::Timeouts().call_floor));
}

void try_settings(Session& session, const registry::StoreRow& row, store::StoreSettings& settings,
                  ScratchSession& scratch, store::Dialogue& dialogue) {
  std::optional<Bytes> bytes;
  try {
    try {
      bytes = read_marker(session, row.url, settings, scratch);
    } catch (const Error& error) {
      if (error.kind != ErrorKind::denied) throw;
      store::prepare_new_store(row.url, settings, {session.clock(), session.random(), scratch.vault}, dialogue,
                               session.call());
      bytes = read_marker(session, row.url, settings, scratch);
    }
  } catch (const Error& error) {
    if (error.kind != ErrorKind::offline && !worth_retrying(error.kind)) throw;
    session.warn(
        fmt::format("{} cannot be reached now, so that these settings were not tried: {}", row.name, error.what()));
    return;
  }
  if (!bytes) {
    session.warn(row.name + " has no marker there: it stays offline until its objects are there");
    return;
  }
  const auto marker = mf1::parse_marker(*bytes);
  if (marker.pool != session.pool().keys().pool_tag() || marker.store != row.id) {
    throw Error(ErrorKind::invalid, row.name, "what lies there is another store, or of another pool");
  }
}

}  // namespace modelfloat::cli
