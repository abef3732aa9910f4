#pragma once
// Asks and informs the user at the terminal.

#include <stop_token>
#include <string>

#include "modelfloat/crypto/secret.h"
#include "modelfloat/store/scheme.h"

namespace modelfloat::cli {

// Whether a user can be asked: standard input is a terminal, and the terminal can be opened.
bool has_terminal();

// Prints the prompt and returns one typed line without its line end. With `secret` the input is not
// shown. Throws Error{denied} when there is no terminal or it is closed, and Error{cancelled} on a
// stop. The echo is restored when this ends, and while the program is suspended (Ctrl-Z); after
// that it asks again. Only SIGKILL can leave the terminal without echo (`stty echo` restores it).
crypto::SecretBytes ask_terminal(const std::string& prompt, bool secret, const std::stop_token& stop);

// Prints to standard error, also with --quiet: the user needs the address to open and the code to
// type.
class TerminalDialogue final : public store::Dialogue {
 public:
  explicit TerminalDialogue(std::stop_token stop) : stop_(std::move(stop)) {}
  void tell(const std::string& text) override;
  std::string ask(const std::string& prompt, bool secret) override;

 private:
  const std::stop_token stop_;
};

}  // namespace modelfloat::cli
