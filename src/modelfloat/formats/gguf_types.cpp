// The numbers that GGUF files use, as ggml.h (enum ggml_type) and llama.h (enum llama_ftype) give
// them. Empty = removed or never used.

#include <array>
#include <string>

#include "modelfloat/formats/gguf.h"

namespace modelfloat::formats {
namespace {

constexpr std::array<std::string_view, 43> k_types = {
    "F32",   "F16",    "Q4_0",  "Q4_1", "",     "",        "Q5_0",   "Q5_1",    "Q8_0",  "Q8_1",   "Q2_K",
    "Q3_K",  "Q4_K",   "Q5_K",  "Q6_K", "Q8_K", "IQ2_XXS", "IQ2_XS", "IQ3_XXS", "IQ1_S", "IQ4_NL", "IQ3_S",
    "IQ2_S", "IQ4_XS", "I8",    "I16",  "I32",  "I64",     "F64",    "IQ1_M",   "BF16",  "",       "",
    "",      "TQ1_0",  "TQ2_0", "",     "",     "",        "MXFP4",  "NVFP4",   "Q1_0",  "Q2_0"};

constexpr std::array<std::string_view, 42> k_file_types = {
    "F32",    "F16",     "Q4_0",   "Q4_1",   "",       "",       "",       "Q8_0",  "Q5_0",    "Q5_1",   "Q2_K",
    "Q3_K_S", "Q3_K_M",  "Q3_K_L", "Q4_K_S", "Q4_K_M", "Q5_K_S", "Q5_K_M", "Q6_K",  "IQ2_XXS", "IQ2_XS", "Q2_K_S",
    "IQ3_XS", "IQ3_XXS", "IQ1_S",  "IQ4_NL", "IQ3_S",  "IQ3_M",  "IQ2_S",  "IQ2_M", "IQ4_XS",  "IQ1_M",  "BF16",
    "",       "",        "",       "TQ1_0",  "TQ2_0",  "MXFP4",  "NVFP4",  "Q1_0",  "Q2_0"};

}  // namespace

std::string ggml_type_name(std::uint32_t number) {
  if (number < k_types.size() && !k_types[number].empty()) return std::string(k_types[number]);
  return "TYPE_" + std::to_string(number);
}

std::string_view gguf_file_type_name(std::uint64_t number) noexcept {
  return number < k_file_types.size() ? k_file_types[number] : std::string_view();
}

}  // namespace modelfloat::formats
