#pragma once
// The stores that are given on the command line of a home that does not know them.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "modelfloat/cli/commands.h"
#include "modelfloat/cli/session.h"
#include "modelfloat/cli/terminal.h"
#include "modelfloat/mf1/keyring.h"
#include "modelfloat/store/scheme.h"

namespace modelfloat::cli {

// Keeps the settings of the stores on the command line in memory, while there is no pool that could
// keep them. Used by one thread. The session outlives it.
class GivenStores {
 public:
  // Asks on the terminal for credentials that are missing, and logs in where the given ones alone
  // are not enough. Throws as settings_from() does.
  GivenStores(Session& session, const std::vector<GivenStore>& stores);

  // Their canonical URLs, as they were given.
  const std::vector<std::string>& urls() const noexcept { return urls_; }

  // Opens a store. Also opens stores of the pool that were not given. Their names are known by then.
  std::unique_ptr<store::Store> open(const std::string& url);

  // The failure domain of a given store, if the user names none.
  std::string default_domain(const std::string& url) const;

  // Saves the settings and sessions of the stores in this home, sealed.
  void keep(const mf1::Keyring& keys);

 private:
  struct Given {
    explicit Given(Session& session) : scratch(session.new_scratch_session()) {}
    store::StoreSettings settings;
    std::string bandwidth;
    ScratchSession& scratch;
  };
  std::string name_of(const std::string& url) const;
  void complete(const std::string& url, Given& given);

  Session& session_;
  const store::SharedBandwidth shared_{session_.bandwidth().all};
  TerminalDialogue dialogue_{session_.stop()};
  std::vector<std::string> urls_;
  std::map<std::string, Given> given_;  // by URL
};

}  // namespace modelfloat::cli
