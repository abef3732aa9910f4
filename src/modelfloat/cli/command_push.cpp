#include <atomic>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "modelfloat/cli/commands.h"
#include "modelfloat/cli/output.h"
#include "modelfloat/engine/push.h"

namespace modelfloat::cli {
namespace {

namespace fs = std::filesystem;

engine::ModelRef default_name(const std::string& path) {
  fs::path whole = fs::absolute(path).lexically_normal();
  if (!whole.has_filename()) whole = whole.parent_path();  // it ended with a slash
  return engine::ModelRef::parse(model_name_for(whole.filename().string(), fs::is_directory(whole)));
}

std::optional<std::uint64_t> size_of(const fs::path& path) {
  std::error_code error;
  if (fs::is_regular_file(path, error)) return fs::file_size(path);
  return std::nullopt;
}

}  // namespace

ExitCode push(Session& session, const PushArguments& arguments) {
  session.require_writable_home();
  const auto ref = arguments.name ? *arguments.name : default_name(arguments.path);
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

  if (!result.doubt.empty()) session.warn(printable(result.doubt));
  const ExitCode code = result.doubt.empty() ? ExitCode::ok : ExitCode::degraded;

  if (session.options().json) {
    print_json({{"model", result.model},
                {"revision", result.revision},
                {"bytes", result.bytes},
                {"new_bytes", result.new_bytes},
                {"stored_bytes", result.stored_bytes},
                {"fragments", result.fragments},
                {"packs", result.packs},
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
