#include "modelfloat/runner/model_check.h"

#include <algorithm>
#include <cstdlib>

#include "modelfloat/base/byte_source.h"
#include "modelfloat/base/error.h"
#include "modelfloat/formats/read_layout.h"

namespace modelfloat::runner {

formats::FileLayout check_runnable(const SealedMemory& memory, const std::string& name) {
  const MemoryView view(memory);
  MemorySource source(view.bytes());
  formats::PeekReader reader(source);
  formats::FileLayout layout = formats::read_layout(reader, "model.gguf");
  if (const auto reason = formats::why_not_runnable(layout)) {
    throw Error(ErrorKind::unsupported, name, "cannot be run: " + *reason);
  }
  const auto parts = layout.metadata.find("split_count");
  if (parts != layout.metadata.end() && parts->second != "0" && parts->second != "1") {
    throw Error(ErrorKind::unsupported, name,
                "cannot be run: it is one of " + parts->second + " parts of a split model");
  }
  return layout;
}

std::uint64_t context_within(const formats::FileLayout& layout, std::uint64_t wanted) {
  const auto limit = layout.metadata.find("context_length");
  if (limit == layout.metadata.end()) return wanted;
  const std::uint64_t most = std::strtoull(limit->second.c_str(), nullptr, 10);
  return most == 0 ? wanted : std::min(wanted, most);
}

}  // namespace modelfloat::runner
