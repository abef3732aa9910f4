#include "modelfloat/formats/layout.h"

#include <algorithm>

namespace modelfloat::formats {

std::optional<std::string> why_not_runnable(const FileLayout& layout) {
  if (!layout.trouble.empty()) return layout.trouble;
  if (layout.format != "gguf") return "only GGUF files can be run, this one is " + layout.format;
  if (layout.tensors.empty()) return "the GGUF file has no tensors";
  if (!layout.metadata.contains("architecture")) return "the GGUF file names no architecture";
  const auto unknown = std::find_if(layout.tensors.begin(), layout.tensors.end(),
                                    [](const Tensor& tensor) { return !dtype_block(tensor.dtype); });
  if (unknown != layout.tensors.end()) {
    return "tensor " + unknown->name + " has the unknown type " + unknown->dtype + ", so its size cannot be checked";
  }
  return std::nullopt;
}

}  // namespace modelfloat::formats
