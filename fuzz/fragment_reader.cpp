// Links: fragment
// The first byte chooses how the rest is cut and how the source behaves; the second how often the
// last bytes are repeated, so that small inputs make files of several fragments.
#include "modelfloat/fragment/fragment_reader.h"

#include <algorithm>

#include "fuzz_check.h"
#include "support/stepped_source.h"

#include "modelfloat/base/error.h"

namespace {

using namespace modelfloat;

Bytes repeat(ByteSpan seed, std::size_t times) {
  auto file = to_bytes(seed);
  constexpr std::size_t k_tail = 64;
  const auto tail = seed.last(std::min(seed.size(), k_tail));
  for (std::size_t i = 0; i < times * 600; ++i) append(file, tail);
  return file;
}

void check(ByteSpan file, fragment::SplitChoice choice, std::size_t step, std::optional<std::uint64_t> claimed) {
  const bool lies = claimed && *claimed != file.size();
  test::SteppedSource source(file, step, claimed);
  fragment::FragmentReader reader(source, "model", choice);
  std::uint64_t offset = 0;
  try {
    while (const auto piece = reader.next()) {
      const auto length = piece->bytes.size();
      fuzz_check(length > 0 && length <= k_max_fragment_bytes, "sizes are within bounds");
      fuzz_check(piece->offset == offset && length <= file.size() - offset, "pieces lie end to end");
      fuzz_check(equal(piece->bytes, file.subspan(offset, length)), "pieces are the file's bytes");
      offset += length;
    }
    fuzz_check(!lies, "a source that breaks its promise is noticed");
    fuzz_check(offset == file.size(), "every byte is in a piece");
    if (!reader.layout().trouble.empty()) fuzz_check(reader.layout().tensors.empty(), "trouble leaves no tensors");
  } catch (const Error& error) {
    fuzz_check(lies && error.kind == ErrorKind::invalid, "only a broken promise throws");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const unsigned how = data[0];
  // Most inputs stay small, so that the fuzzer is quick; some become files of 2 MB.
  const std::size_t times = data[1] < 240 ? data[1] / 60 : (data[1] - 240) * 4;
  const auto file = repeat(std::as_bytes(std::span(data + 2, size - 2)), times);
  const auto choice = static_cast<fragment::SplitChoice>((how & 3U) % 3);
  const std::size_t step = (how & 4U) != 0 ? 1000 : 1'000'000;
  std::optional<std::uint64_t> claimed;
  if ((how & 8U) != 0) claimed = file.size();
  if ((how & 24U) == 24) claimed = file.size() + ((how & 32U) != 0 ? 1 : file.size());
  if ((how & 56U) == 48) claimed = file.size() / 2;
  check(file, choice, step, claimed);
  return 0;
}
