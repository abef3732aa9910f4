#pragma once
// One kind of job: its options, and what it does.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "modelfloat/base/cancel.h"

namespace modelfloat::server {

// Called on the thread of the job: bytes that were moved, of those that are to be.
using JobProgress = std::function<void(std::uint64_t done_bytes, std::uint64_t total_bytes)>;

struct JobKind {
  std::string name;
  std::vector<std::string_view> options;  // the members that a request may have
  // Checks the options of a request, an object with no other members, and returns the arguments of
  // the job in one form. Throws HttpError{400} for values that make no sense, Error{not_found} for
  // what there is not, and Error{denied} when this server may not do it. Called from many threads.
  std::function<nlohmann::ordered_json(const nlohmann::json& options)> check;
  // Does the job and returns its report. Throws Error{cancelled} soon after `call` says so. Called
  // from one thread. `arguments` are those of check(), and may have a member `by` besides.
  std::function<nlohmann::ordered_json(const nlohmann::json& arguments, const JobProgress& progress,
                                       const CallOptions& call)>
      run;
};

}  // namespace modelfloat::server
