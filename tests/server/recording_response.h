#pragma once
// A response that keeps what it is told.

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "modelfloat/server/http/http.h"

namespace modelfloat::test {

struct RecordingResponse final : server::Response {
  void set_header(std::string name, std::string value) override { headers[std::move(name)] = std::move(value); }
  void send(int with_status, std::string_view type, std::string_view text) override {
    begin(with_status, type, text.size());
    body = text;
    end();
  }
  void begin(int with_status, std::string_view type, std::optional<std::uint64_t>) override {
    status = with_status;
    content_type = type;
  }
  void write(ByteSpan bytes) override { body += as_text(bytes); }
  void end() override { ended = true; }
  bool begun() const noexcept override { return status != 0; }

  int status = 0;
  std::string content_type;
  std::map<std::string, std::string> headers;
  std::string body;
  bool ended = false;
};

}  // namespace modelfloat::test
