#pragma once
// Somebody at the terminal, asked and told.

#include <stop_token>
#include <string>

#include "modelfloat/crypto/secret.h"
#include "modelfloat/store/scheme.h"

namespace modelfloat::cli {

// Whether somebody is there: standard input is a terminal.
bool has_terminal();

// One line as it was typed, without the line end; not shown while it is typed when it is `secret`.
// Error{denied} without a terminal or when the terminal is closed, Error{cancelled} on a stop. The
// terminal shows what is typed again when this ends, and while the program is stopped (Ctrl-Z),
// after which it asks anew. Only SIGKILL leaves a terminal that shows nothing (`stty echo`).
crypto::SecretBytes ask_terminal(const std::string& prompt, bool secret, const std::stop_token& stop);

// Tells on standard error, whatever --quiet says: an address to open and a code to type are needed.
class TerminalDialogue final : public store::Dialogue {
 public:
  explicit TerminalDialogue(std::stop_token stop) : stop_(std::move(stop)) {}
  void tell(const std::string& text) override;
  std::string ask(const std::string& prompt, bool secret) override;

 private:
  const std::stop_token stop_;
};

}  // namespace modelfloat::cli
