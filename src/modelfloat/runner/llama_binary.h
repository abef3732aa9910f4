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

// Finds llama-server: the program named by MODELFLOAT_LLAMA_SERVER, else one on the PATH, else
// the newest that tools/setup/llama-server built into the cache (MODELFLOAT_CACHE, else
// XDG_CACHE_HOME/modelfloat, else ~/.cache/modelfloat).
std::optional<std::filesystem::path> find_llama_server();

// The options that a llama-server knows; they differ between its versions.
class LlamaOptions {
 public:
  // Parses the output of --help.
  explicit LlamaOptions(std::string_view help);
  bool knows(const std::string& option) const { return options_.contains(option); }

 private:
  std::set<std::string> options_;
};

// Runs the program with --help in a sandbox. Call it on a long-lived thread, because a child is
// killed when the thread that started it ends (child_process.h). Throws Error{unsupported} when
// the output has no options.
LlamaOptions probe_llama_server(const SandboxSpec&, FileConfinement, const SandboxOptions&, const CallOptions&);

struct LlamaLaunch {
  std::string alias;             // the name of the model that the child shows
  std::filesystem::path socket;  // must end in .sock
  unsigned threads = 1;
  std::uint64_t context = 4096;  // tokens for one request
  unsigned parallel = 1;         // requests at a time
  bool repack = true;            // keep a second, faster copy of some quantised tensors
};

// The command line of an engine that reads its model from k_inherited_fd, and the key of its API
// from standard input.
std::vector<std::string> llama_arguments(const LlamaLaunch&, const LlamaOptions&);

// The complete environment of the child. It has none of our variables, and names no folder that
// the child could write to.
std::vector<std::string> llama_environment();

}  // namespace modelfloat::runner
