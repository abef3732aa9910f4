#include "modelfloat/server/http/chunked.h"

#include <algorithm>
#include <cstring>

#include "modelfloat/server/http/http.h"

namespace modelfloat::server {
namespace {

constexpr unsigned k_max_digits = 15;  // a chunk of less than 2^60 bytes
constexpr std::size_t k_max_line_bytes = 256;
constexpr std::size_t k_max_trailer_bytes = 8192;

[[noreturn]] void bad_chunk(const char* why) { throw HttpError(400, "bad_chunk", why); }

int hex_digit(unsigned char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

void check_text(unsigned char c) {
  if ((c < 0x20 && c != '\t') || c == 0x7f) bad_chunk("a control character stands between the chunks");
}

}  // namespace

void ChunkedDecoder::skip(std::uint64_t bytes) {
  rest_ -= std::min(bytes, rest_);
  if (rest_ == 0) state_ = State::data_cr;
}

ChunkedDecoder::Step ChunkedDecoder::decode(ByteSpan from, MutableByteSpan to) {
  Step step_taken;
  while (step_taken.taken < from.size() && !done()) {
    if (state_ != State::data) {
      step(static_cast<unsigned char>(from[step_taken.taken++]));
      continue;
    }
    const auto count = static_cast<std::size_t>(
        std::min<std::uint64_t>({rest_, from.size() - step_taken.taken, to.size() - step_taken.written}));
    if (count == 0) break;
    std::memcpy(to.data() + step_taken.written, from.data() + step_taken.taken, count);
    step_taken.taken += count;
    step_taken.written += count;
    skip(count);
  }
  return step_taken;
}

void ChunkedDecoder::begin_data() {
  line_bytes_ = 0;
  digits_ = 0;
  state_ = rest_ > 0 ? State::data : State::trailer_start;
}

void ChunkedDecoder::step(unsigned char c) {
  switch (state_) {
    case State::size:
      if (const int digit = hex_digit(c); digit >= 0) {
        if (++digits_ > k_max_digits) bad_chunk("a chunk size has too many digits");
        rest_ = (digits_ == 1 ? 0 : rest_ << 4) + static_cast<std::uint64_t>(digit);
        return;
      }
      if (digits_ == 0) bad_chunk("a chunk size is no hexadecimal number");
      if (c == '\r') {
        state_ = State::size_lf;
      } else if (c == ';') {
        state_ = State::extension;
      } else {
        bad_chunk("a chunk size is no hexadecimal number");
      }
      return;
    case State::extension:
      if (++line_bytes_ > k_max_line_bytes) bad_chunk("a chunk extension is too long");
      if (c == '\r') {
        state_ = State::size_lf;
      } else {
        check_text(c);
      }
      return;
    case State::size_lf:
      if (c != '\n') bad_chunk("a chunk size does not end with CR LF");
      begin_data();
      return;
    case State::data_cr:
      if (c != '\r') bad_chunk("a chunk is longer than its size");
      state_ = State::data_lf;
      return;
    case State::data_lf:
      if (c != '\n') bad_chunk("a chunk does not end with CR LF");
      state_ = State::size;
      return;
    case State::trailer_start:
    case State::trailer:
      if (++trailer_bytes_ > k_max_trailer_bytes) bad_chunk("the trailer is too long");
      if (c == '\r') {
        state_ = state_ == State::trailer_start ? State::last_lf : State::trailer_lf;
      } else {
        check_text(c);
        state_ = State::trailer;
      }
      return;
    case State::trailer_lf:
      if (c != '\n') bad_chunk("a trailer line does not end with CR LF");
      state_ = State::trailer_start;
      return;
    case State::last_lf:
      if (c != '\n') bad_chunk("the last chunk does not end with CR LF");
      state_ = State::done;
      return;
    case State::data:
    case State::done: return;
  }
}

}  // namespace modelfloat::server
