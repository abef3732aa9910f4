#pragma once
// Programs for ChildProcess to run. They are this test program itself, started under another name.

#include <filesystem>
#include <optional>
#include <string>

#include "modelfloat/runner/sandbox.h"

namespace modelfloat::test {

// Called first in main(): acts as the program that argv[0] names, and returns its exit code;
// nothing for the tests' own name.
std::optional<int> act_as_fake_program(int argc, char** argv);

// A link in `folder` by which the test program acts as `name`:
//   report      tells on its standard output what it finds in its sandbox, as JSON
//   sleep       sleeps for ever
//   orphan      starts `sleep` by ChildProcess with its descriptor 3 inherited, and is killed
//   undumpable  starts a program by ChildProcess as the user whose number it is given, and is killed if a new process
//               makes its memory readable to others on the way; tells the new process's oom_score_adj
//   no-listener starts a program by ChildProcess as the user whose number it is given, where no more threads can be
//               started; ends with 0 when no child is left
//   flood       writes to its standard output for ever
//   attack, surroundings   see hostile_engine.h
//   llama-...   a llama-server (fake_llama_server.h)
std::filesystem::path fake_program(const std::filesystem::path& folder, const std::string& name);

// The sandbox for programs of ours. A sanitizer needs more memory than a limit makes sense for, and
// that for threads opens files for writing.
runner::SandboxOptions test_sandbox();
// A sandbox for a program without a socket.
runner::SandboxSpec sandbox_for(const std::filesystem::path& program);

// What a program sees in the sandbox: descriptors, environment, command line, limits, and which
// calls fail how.
std::string sandbox_report(int argc, char** argv);

}  // namespace modelfloat::test
