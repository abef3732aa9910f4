#pragma once
// Reads multipart/form-data (RFC 7578) from a stream, part by part.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "modelfloat/base/byte_source.h"
#include "modelfloat/server/http/http.h"

namespace modelfloat::server {

// The boundary that a Content-Type names. Throws HttpError: 415 for another type, 400 for an
// invalid boundary.
std::string multipart_boundary(std::string_view content_type);

struct PartHead {
  std::string name;
  std::optional<std::string> filename;  // as sent: not a safe path
  std::string content_type;
};

// Memory is one buffer, whatever the input. Used by one thread. All methods throw HttpError{400,
// "bad_multipart"} for malformed input, and what the body throws.
class MultipartReader {
 public:
  static constexpr std::size_t k_max_head_bytes = 8192;  // of a part
  static constexpr std::size_t k_max_parts = 10'000;
  // Also the limit for the bytes before the first part.
  static constexpr std::size_t k_max_epilogue_bytes = std::size_t{64} << 10;

  MultipartReader(ByteSource& body, std::string_view boundary, std::size_t buffer_bytes = std::size_t{1} << 20);

  // Skips the rest of the current part and returns the head of the next one. nullopt at the end
  // of the form; the body has then been read to its end.
  std::optional<PartHead> next_part();
  // The bytes of the part. Valid until the next call of next_part().
  ByteSource& content() noexcept { return content_; }
  // The whole part as text. Throws HttpError{413} beyond `max_bytes`.
  std::string read_text(std::size_t max_bytes);

 private:
  struct Content final : ByteSource {
    explicit Content(MultipartReader& form) : form_(form) {}
    std::size_t read(MutableByteSpan to) override { return form_.read_content(to); }
    std::optional<std::uint64_t> size_bytes() const override { return std::nullopt; }
    MultipartReader& form_;
  };

  std::size_t read_content(MutableByteSpan to);
  void skip_content();
  void skip_preamble();
  bool fill();                     // more bytes into the buffer; false at the end of the body
  void need(std::size_t bytes);    // so many bytes in the buffer
  std::size_t find_content_end();  // how many bytes at the front surely belong to the part
  std::string_view buffered() const noexcept;
  void drop(std::size_t bytes) noexcept;
  bool pass_delimiter();  // false when it was the last
  PartHead read_head();
  void read_epilogue();

  ByteSource& body_;
  const std::string delimiter_;  // CR LF "--" boundary
  Bytes buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::size_t clean_ = 0;      // bytes at the front that are known to hold no part of a delimiter
  bool at_delimiter_ = false;  // it stands right behind the clean bytes
  std::size_t parts_ = 0;
  bool ended_ = false;
  Content content_{*this};
};

}  // namespace modelfloat::server
