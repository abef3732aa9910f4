#pragma once

#include <string>

namespace modelfloat::test {

// Speaks as much of llama-server as the runner hears, and misbehaves as `name` says: llama-good
// loads for three looks at /health, then answers a prompt with "You said: " and the prompt
// llama-report       answers with its sandbox_report() llama-refuse       ends with exit code 1
// while it loads          llama-die-loading  is killed while it loads llama-never-ready  loads for
// ever                                llama-reject       refuses each prompt llama-crash-once
// dies in the middle of the first answer that any process of this folder gives llama-break-off
// ends its first answer too early, and lives on llama-stall        says one word and no more
// llama-no-options   is no llama-server at all                    llama-illegal      dies of SIGILL
// while it loads llama-show         answers with the request that it got, as JSON Below /v1/ it
// answers a streamed request with the events "one" and "two" and [DONE], another one with the path
// and the body that it got as JSON. There too llama-reject refuses; llama-stall, llama-crash-once
// and llama-break-off do their mischief after the first event.
int fake_llama_server(const std::string& name, int argc, char** argv);

}  // namespace modelfloat::test
