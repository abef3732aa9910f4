// Links: formats
#include "modelfloat/formats/safetensors.h"

#include "layout_promises.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace modelfloat;
  formats::check_parser(formats::parse_safetensors, std::as_bytes(std::span(data, size)));
  return 0;
}
