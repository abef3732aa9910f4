#pragma once
// The chunked transfer coding of RFC 9112 section 7.1, read strictly. (Beast 1.74 asserts on a last
// chunk that comes byte by byte.)

#include <cstdint>
#include <string>

#include "modelfloat/base/bytes.h"

namespace modelfloat::server {

// Accepts input in pieces of any size. Skips chunk extensions and trailers, whose length is
// limited.
class ChunkedDecoder {
 public:
  struct Step {
    std::size_t taken = 0;    // bytes of `from` that are used up
    std::size_t written = 0;  // bytes of the body now in `to`
  };
  // Decodes until `from` or `to` is used up, or the body has ended. Throws HttpError{400} for any
  // violation of the format; the decoder must not be used afterwards.
  Step decode(ByteSpan from, MutableByteSpan to);
  bool done() const noexcept { return state_ == State::done; }
  // How many bytes of the current chunk are still to come. The caller may read up to so many raw
  // bytes directly, without the decoder, and then reports them with skip().
  std::uint64_t rest_of_chunk() const noexcept { return state_ == State::data ? rest_ : 0; }
  void skip(std::uint64_t bytes);

 private:
  enum class State {
    size,
    extension,
    size_lf,
    data,
    data_cr,
    data_lf,
    trailer_start,
    trailer,
    trailer_lf,
    last_lf,
    done
  };
  void step(unsigned char c);
  void begin_data();

  State state_ = State::size;
  std::uint64_t rest_ = 0;      // of the chunk
  unsigned digits_ = 0;         // of the size
  std::size_t line_bytes_ = 0;  // of the size line
  std::size_t trailer_bytes_ = 0;
};

}  // namespace modelfloat::server
