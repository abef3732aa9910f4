#include "modelfloat/runner/engine_starter.h"

#include <cerrno>

#include <fmt/format.h>
#include <sys/stat.h>

#include "modelfloat/base/error.h"
#include "modelfloat/base/hex.h"
#include "modelfloat/base/log.h"

namespace modelfloat::runner {
namespace {

void make_private_folder(const std::filesystem::path& folder) {
  if (::mkdir(folder.c_str(), 0700) != 0) throw system_error(errno, folder.string(), "cannot make a folder");
}

// Loading reads all of it at the speed of memory, or of a slow disk where it was swapped out.
Milliseconds load_limit(Milliseconds stall_limit, std::uint64_t bytes) {
  return stall_limit + Milliseconds(static_cast<std::int64_t>(bytes / 50'000));
}

}  // namespace

EngineStarter::EngineStarter(const LlamaRunnerOptions& options, Random& random)
    : options_(options), random_(random), folder_(options.socket_parent) {}

std::shared_ptr<LlamaEngine> EngineStarter::start(const Model& model, const CallOptions& options) {
  EngineSpec spec;
  spec.folder = make_engine_folder();
  spec.sandbox = sandbox_spec(spec.folder);
  spec.sandbox.socket_folder = spec.folder / "socket";
  spec.sandbox.memory_bytes = engine_memory_limit(model.memory_bytes, options_.threads);
  spec.sandbox.threads = 4 * options_.threads + 128;
  spec.confinement = choose_confinement();
  spec.sandbox_options = options_.sandbox;
  spec.key = to_hex(random_.array<24>());
  spec.model_fd = model.memory->fd();
  spec.stall_limit = options_.stall_limit;
  spec.launch.alias = model.name;
  spec.launch.threads = options_.threads;
  spec.launch.context = model.context;
  spec.launch.parallel = options_.parallel;
  spec.launch.repack = model.repack;
  spec.launch.socket = spec.sandbox.socket_folder / "engine.sock";
  const LlamaOptions known = known_options().get();
  auto engine = thread_.async([&] { return std::make_shared<LlamaEngine>(spec, known); }).get();
  try {
    engine->wait_until_ready(load_limit(options_.stall_limit, model.size_bytes), options);
  } catch (const Error& error) {
    if (engine->ended()) {
      log_warning(fmt::format("{}: the engine ended while it loaded: {}", model.name, engine->last_words()));
    }
    throw;
  }
  return engine;
}

FileConfinement EngineStarter::choose_confinement() {
  const std::lock_guard lock(mutex_);
  if (!confinement_) {
    confinement_ = choose_file_confinement(options_.sandbox);
    if (*confinement_ == FileConfinement::none) {
      log_warning("weak_sandbox is set: a model that takes over its engine can read and change your files");
    }
  }
  return *confinement_;
}

// Each engine has folders of its own: one could make the socket of another where they shared one.
std::filesystem::path EngineStarter::make_engine_folder() {
  auto folder = folder_.path() / std::to_string(++engines_);
  for (const auto& part : {folder, folder / "root", folder / "socket"}) make_private_folder(part);
  return folder;
}

SandboxSpec EngineStarter::sandbox_spec(const std::filesystem::path& folder) const {
  SandboxSpec spec;
  spec.program = *options_.llama_server;
  spec.root_folder = folder / "root";
  return spec;
}

// Asks llama-server once what it understands; again after a failure.
std::shared_future<LlamaOptions> EngineStarter::known_options() {
  const std::lock_guard lock(mutex_);
  const auto failed = [&] {
    if (known_options_.wait_for(std::chrono::seconds(0)) != std::future_status::ready) return false;
    try {
      known_options_.get();
      return false;
    } catch (const std::exception&) {
      return true;
    }
  };
  if (!known_options_.valid() || failed()) {
    known_options_ = thread_.async([this, folder = make_engine_folder(), confinement = confinement_.value()] {
      const OwnedFolder owned(folder);
      const SandboxSpec spec = sandbox_spec(folder);
      CallOptions options;
      options.deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
      return probe_llama_server(spec, confinement, options_.sandbox, options);
    });
  }
  return known_options_;
}

}  // namespace modelfloat::runner
