#pragma once
// Objects that nothing was done with, by the reason: one sentence for each reason, however many
// there are.

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "modelfloat/domain/object_name.h"

namespace modelfloat::engine {

class GroupedDoubts {
 public:
  // `why` goes on after the names: "carries the tag of another pool: it is not copied".
  void add(const std::string& why, const ObjectName& name) {
    Group& group = groups_[why];
    if (group.named.size() < k_named) group.named.push_back(name.path());
    ++group.count;
  }

  // In whole sentences; each names a few of its objects.
  std::vector<std::string> sentences() const {
    std::vector<std::string> sentences;
    for (const auto& [why, group] : groups_) {
      std::string names;
      for (const std::string& name : group.named) {
        if (!names.empty()) names += ", ";
        names += name;
      }
      if (group.count > group.named.size())
        names.append(" and ").append(std::to_string(group.count - group.named.size())).append(" more");
      sentences.push_back(names.append(": ").append(why));
    }
    return sentences;
  }

 private:
  static constexpr std::size_t k_named = 3;
  struct Group {
    std::vector<std::string> named;
    std::size_t count = 0;
  };
  std::map<std::string, Group> groups_;
};

}  // namespace modelfloat::engine
