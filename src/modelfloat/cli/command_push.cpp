#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "modelfloat/cli/commands.h"
#include "modelfloat/cli/failure.h"
#include "modelfloat/cli/output.h"
#include "modelfloat/engine/catalogue/model_list.h"
#include "modelfloat/engine/catalogue/open_manifest.h"
#include "modelfloat/engine/pull/pull.h"
#include "modelfloat/engine/push/push.h"

namespace modelfloat::cli {
namespace {

namespace fs = std::filesystem;

ModelRef default_name(const std::string& path) {
  fs::path whole = fs::absolute(path).lexically_normal();
  if (!whole.has_filename()) whole = whole.parent_path();  // the path ended with a slash
  // A missing path is reported later, when it is opened.
  std::error_code ignored;
  return ModelRef::parse(model_name_for(whole.filename().string(), fs::is_directory(whole, ignored)));
}

// Returns the default name. Different files can get the same default name, as names allow fewer
// characters than paths. So this throws when the name has other content in the pool: only an
// explicit --name adds a new revision.
ModelRef unused_name(Session& session, const std::string& path) {
  const auto ref = default_name(path);
  session.sync_log();
  engine::Pool& pool = session.pool();
  if (!engine::find_name(pool, ref.model)) return ref;
  for (const auto& revision : engine::list_revisions(pool, ref.model)) {
    const auto manifest = engine::open_manifest(pool, revision.manifest, session.call());
    if (engine::has_content(pool, path, manifest.root.files, session.call())) return ref;
  }
  throw UsageError(ref.model, fmt::format("is in the pool with other content than {}. Name the new one yourself; "
                                          "--name {} makes it the newest revision of that model",
                                          path, ref.model));
}

void warn_of_troubles(Session& session, const std::vector<engine::Trouble>& troubles) {
  constexpr std::size_t k_shown = 10;
  for (std::size_t i = 0; i < std::min(troubles.size(), k_shown); ++i) {
    session.warn(troubles[i].path + ": " + troubles[i].why);
  }
  if (troubles.size() > k_shown) {
    session.warn(
        fmt::format("{} files more are not what they seem to be: see modelfloat show", troubles.size() - k_shown));
  }
}

std::optional<std::uint64_t> size_of(const fs::path& path) {
  std::error_code error;
  if (!fs::is_regular_file(path, error)) return std::nullopt;
  const auto size = fs::file_size(path, error);
  return error ? std::nullopt : std::optional<std::uint64_t>(size);
}

}  // namespace

ExitCode push(Session& session, const PushArguments& arguments) {
  session.require_writable_home();
  const auto ref = arguments.name ? *arguments.name : unused_name(session, arguments.path);
  engine::PushOptions options;
  options.model = ref.model;
  options.tag = ref.tag;
  options.redundancy = arguments.redundancy;
  if (!arguments.description.empty()) options.card["description"] = arguments.description;
  if (!arguments.framework.empty()) options.card["framework"] = arguments.framework;
  const std::string what = "pushing " + ref.model;
  options.progress = [&, total = size_of(arguments.path)](std::uint64_t bytes_read, std::uint64_t) {
    session.progress().show(what, bytes_read, total);
  };
  const auto result = engine::push_path(session.pool(), arguments.path, std::move(options), session.call());
  session.progress().clear();
  if (!result.left_out.empty()) {
    session.tell("left out: " + printable(fmt::format("{}", fmt::join(result.left_out, ", "))));
  }
  warn_of_troubles(session, result.troubles);

  if (!result.doubt.empty()) session.warn(printable(result.doubt));
  const ExitCode code = result.doubt.empty() ? ExitCode::ok : ExitCode::degraded;

  if (session.options().json) {
    auto troubles = nlohmann::ordered_json::array();
    for (const auto& [path, why] : result.troubles) troubles.push_back({{"path", path}, {"trouble", why}});
    print_json({{"model", result.model},
                {"revision", result.revision},
                {"bytes", result.bytes},
                {"new_bytes", result.new_bytes},
                {"stored_bytes", result.stored_bytes},
                {"fragments", result.fragments},
                {"packs", result.packs},
                {"troubles", std::move(troubles)},
                {"seconds", result.seconds}});
    return code;
  }
  write_stdout(fmt::format("{}@{}\n", result.model.substr(0, result.model.find(':')), result.revision));
  session.tell(fmt::format("{}: {} in {} fragments, {} new, {} stored in {} new packs, {}", result.model,
                           human_bytes(result.bytes), result.fragments, human_bytes(result.new_bytes),
                           human_bytes(result.stored_bytes), result.packs, human_seconds(result.seconds)));
  return code;
}

}  // namespace modelfloat::cli
