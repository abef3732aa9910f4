#include "modelfloat/engine/catalogue/catch_up.h"

#include <optional>

#include "modelfloat/engine/catalogue/catalogue.h"

namespace modelfloat::engine {
namespace {

std::optional<Milliseconds> timeout_of(const Pool& pool, MarkerWait wait) {
  if (wait == MarkerWait::straggler) return pool.stores().timeouts().straggler;
  return std::nullopt;  // until Timeouts::marker
}

void recheck_all(Pool& pool, MarkerWait wait, const CallOptions& call) {
  pool.stores().recheck(true);
  pool.stores().wait_for_checks(call, timeout_of(pool, wait));
}

Freshness read_log(Pool& pool, LogReading reading, const CallOptions& call) {
  if (reading == LogReading::none) return {};
  if (reading == LogReading::quorum) return pool.log().sync(call, transfer::WaitFor::quorum);
  Freshness freshness = pool.log().sync(call, transfer::WaitFor::all);
  if (freshness.fresh || reading == LogReading::all) return freshness;
  recheck_all(pool, MarkerWait::full, call);
  return pool.log().sync(call, transfer::WaitFor::all);
}

}  // namespace

Freshness catch_up(Pool& pool, const Need& need, const CallOptions& call) {
  if (need.recheck != MarkerWait::none) recheck_all(pool, need.recheck, call);
  Freshness freshness = read_log(pool, need.log, call);
  if (need.catalogue) update_catalogue(pool, call);
  if (need.decided != MarkerWait::none) pool.stores().wait_until_decided(call, timeout_of(pool, need.decided));
  return freshness;
}

}  // namespace modelfloat::engine
