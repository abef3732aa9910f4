#pragma once
// What every layout promises that a parser accepts.

#include "fuzz_check.h"

#include "modelfloat/formats/layout.h"

namespace modelfloat::formats {

inline void check_layout(const FileLayout& layout, std::uint64_t file_size) {
  fuzz_check(layout.trouble.empty(), "an accepted layout has no trouble");
  fuzz_check(layout.header_bytes > 0, "a header has bytes");
  fuzz_check(layout.tensors.size() <= k_max_tensors, "a bounded number of tensors");
  auto end = layout.header_bytes;
  for (const auto& tensor : layout.tensors) {
    fuzz_check(tensor.offset >= end, "tensors are sorted and do not overlap");
    fuzz_check(tensor.length_bytes <= file_size && tensor.offset <= file_size - tensor.length_bytes, "inside the file");
    fuzz_check(tensor.shape.size() <= k_max_dimensions, "few dimensions");
    end = tensor.offset + tensor.length_bytes;
  }
  for (const auto& [name, value] : layout.metadata) fuzz_check(value.size() <= k_max_fact_bytes, "facts are short");
  why_not_runnable(layout);
}

// The parser must say the same of the whole head and of any shorter one that it does not ask to be longer.
template <typename Parse>
void check_parser(Parse parse, ByteSpan file) {
  const auto whole = parse(file, file.size());
  fuzz_check(!std::holds_alternative<NeedMore>(whole), "a whole file is enough");
  if (const auto* layout = std::get_if<FileLayout>(&whole)) check_layout(*layout, file.size());

  std::size_t size = 0;
  while (size < file.size()) {
    const auto part = parse(file.first(size), file.size());
    const auto* more = std::get_if<NeedMore>(&part);
    if (more == nullptr) {
      fuzz_check(part.index() == whole.index(), "a shorter head does not change the verdict");
      break;
    }
    fuzz_check(more->head_bytes > size && more->head_bytes <= file.size(), "it asks for more, within the file");
    size = std::max<std::size_t>(more->head_bytes, 2 * size);
  }

  const auto stream = parse(file, std::nullopt);
  if (std::holds_alternative<FileLayout>(whole)) {
    fuzz_check(std::holds_alternative<FileLayout>(stream), "a sound file is sound also when its size is unknown");
  }
}

}  // namespace modelfloat::formats
