#pragma once
// The names under which programs show the stores of a pool: docs/formats/mf1.md section 9.2. Pure.

#include <map>
#include <string>

#include "modelfloat/domain/log_record.h"

namespace modelfloat {

// Returns a name for each store, no two of them the same. A store is shown by its own name. Of
// several stores with one name, that holds for the one with the smallest id; the others, in the
// order of their ids, are shown as "name-2", "name-3" and so on, by the first number that no other
// store is called by. So every machine that knows the same catalogue shows the same names.
// `others` are names of stores that the log does not have, by id. They get what names are left, by
// the same rule. No id is in both.
std::map<StoreId, std::string> shown_store_names(const std::map<StoreId, StoreAdded>& catalogue,
                                                 const std::map<StoreId, std::string>& others = {});

}  // namespace modelfloat
