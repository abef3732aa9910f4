#include "modelfloat/domain/store_names.h"

#include <set>
#include <utility>
#include <vector>

namespace modelfloat {
namespace {

class Naming {
 public:
  // The stores whose names are taken first; each call after it gets what is left.
  void add(const std::map<StoreId, std::string>& stores) {
    std::vector<std::pair<StoreId, std::string>> second;
    for (const auto& [id, name] : stores) {
      if (taken_.insert(name).second) {
        shown_.emplace(id, name);
      } else {
        second.emplace_back(id, name);
      }
    }
    for (const auto& [id, name] : second) shown_.emplace(id, numbered(name));
  }

  std::map<StoreId, std::string> shown() && { return std::move(shown_); }

 private:
  std::string numbered(const std::string& name) {
    for (std::size_t number = 2;; ++number) {
      std::string next = name + "-" + std::to_string(number);
      if (taken_.insert(next).second) return next;
    }
  }

  std::set<std::string> taken_;
  std::map<StoreId, std::string> shown_;
};

}  // namespace

std::map<StoreId, std::string> shown_store_names(const std::map<StoreId, StoreAdded>& catalogue,
                                                 const std::map<StoreId, std::string>& others) {
  std::map<StoreId, std::string> logged;
  for (const auto& [id, added] : catalogue) logged.emplace(id, added.name);
  Naming naming;
  naming.add(logged);
  naming.add(others);
  return std::move(naming).shown();
}

}  // namespace modelfloat
