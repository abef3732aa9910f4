#include "modelfloat/cli/given_stores.h"

#include "modelfloat/cli/store_settings.h"
#include "modelfloat/store/store_factory.h"

namespace modelfloat::cli {

GivenStores::GivenStores(Session& session, const std::vector<GivenStore>& stores) : session_(session) {
  for (const auto& store : stores) {
    const auto url = store::canonical_url(store.url);
    urls_.push_back(url);
    Given& given = given_.try_emplace(url, session_).first->second;
    // The name of the store is in the log, which cannot be read yet. So the environment variables
    // have the number of the store instead of its name.
    given.settings = settings_from(store::scheme_of(url), store.options, variable_prefix(std::to_string(urls_.size())),
                                   process_variable, &dialogue_);
    given.bandwidth = store.bandwidth;
    complete(url, given);
  }
}

std::unique_ptr<store::Store> GivenStores::open(const std::string& url) {
  const auto [found, is_new] = given_.try_emplace(url, session_);
  Given& given = found->second;
  if (is_new)
    given.settings = settings_from(store::scheme_of(url), {}, variable_prefix(name_of(url)), process_variable, nullptr);
  const auto limit = given.bandwidth.empty() ? store::Bandwidth() : store::parse_bandwidth(given.bandwidth, url);
  return open_with_scratch_session(session_, url, given.settings, given.scratch, shared_, limit);
}

std::string GivenStores::default_domain(const std::string& url) const {
  return store::default_domain(url, given_.at(url).settings);
}

void GivenStores::keep(const mf1::Keyring& keys) {
  const engine::StoreSecrets secrets(keys, session_.random());
  for (const auto& row : session_.registry().stores()) {
    const auto found = given_.find(row.url);
    if (found == given_.end()) continue;
    keep_settings(session_.registry(), secrets, row.id, found->second.settings, found->second.scratch.vault,
                  found->second.bandwidth);
  }
}

std::string GivenStores::name_of(const std::string& url) const {
  for (const auto& row : session_.registry().stores()) {
    if (row.url == url) return row.name;
  }
  return {};
}

// Logs in if the given credentials alone are not enough (for example, a token must still be
// granted).
void GivenStores::complete(const std::string& url, Given& given) {
  if (given.settings.credentials.empty()) return;
  try {
    open(url)->get(ObjectName::marker(), {},
                   transfer::within(session_.call(), session_.clock(), transfer::Timeouts().marker));
  } catch (const Error& error) {
    if (error.kind != ErrorKind::denied) return;  // whoever reads from it reports that
    store::prepare_new_store(url, given.settings, {session_.clock(), session_.random(), given.scratch.vault}, dialogue_,
                             session_.call());
  }
}

}  // namespace modelfloat::cli
