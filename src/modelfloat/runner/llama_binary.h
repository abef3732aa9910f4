#pragma once
// The llama-server program: where it is, what it understands, and how it is called.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "modelfloat/base/cancel.h"
#include "modelfloat/runner/sandbox.h"

namespace modelfloat::runner {

// Named by MODELFLOAT_LLAMA_SERVER, else on the PATH, else the newest that tools/setup/llama-server
// built into the cache (MODELFLOAT_CACHE, else XDG_CACHE_HOME/modelfloat, else
// ~/.cache/modelfloat).
std::optional<std::filesystem::path> find_llama_server();

// The options that a llama-server knows; they differ between its versions.
class LlamaOptions {
 public:
  // From what it prints for --help.
  explicit LlamaOptions(std::string_view help);
  bool knows(const std::string& option) const { return options_.contains(option); }

 private:
  std::set<std::string> options_;
};

// Runs the program with --help in a sandbox. Call it on a thread that lasts, like every start of a
// child (child_process.h). Throws Error{unsupported} when that prints no options.
LlamaOptions probe_llama_server(const SandboxSpec&, FileConfinement, const SandboxOptions&, const CallOptions&);

struct LlamaLaunch {
  std::string alias;             // the name of the model that the child shows
  std::filesystem::path socket;  // must end in .sock
  unsigned threads = 1;
  std::uint64_t context = 4096;  // tokens for one request
  unsigned parallel = 1;         // requests at a time
  bool repack = true;            // keep a second, faster copy of some quantised tensors
};

// The command line for a model that comes as k_inherited_fd, with the key of its API on standard
// input.
std::vector<std::string> llama_arguments(const LlamaLaunch&, const LlamaOptions&);

// All of the child's environment. Nothing of ours is in it, and no folder that it could write to.
std::vector<std::string> llama_environment();

}  // namespace modelfloat::runner
