#include "runner/gguf_file.h"

#include "modelfloat/base/bytes.h"

namespace modelfloat::test {
namespace {

constexpr std::uint32_t k_uint32_type = 4;
constexpr std::uint32_t k_string_type = 8;

template <typename Number>
void put(std::string& file, Number number) {
  std::array<std::byte, sizeof(Number)> bytes;
  store_le(MutableByteSpan(bytes), number);
  file += as_text(bytes);
}

void put_text(std::string& file, const std::string& text) {
  put<std::uint64_t>(file, text.size());
  file += text;
}

void put_fact(std::string& file, const std::string& key, const std::string& value) {
  put_text(file, key);
  put(file, k_string_type);
  put_text(file, value);
}

void put_fact(std::string& file, const std::string& key, std::uint32_t value) {
  put_text(file, key);
  put(file, k_uint32_type);
  put(file, value);
}

}  // namespace

std::string small_gguf(char filling) {
  constexpr std::uint64_t k_elements = 1024;
  std::string file = "GGUF";
  put<std::uint32_t>(file, 3);
  put<std::uint64_t>(file, 1);  // tensors
  put<std::uint64_t>(file, 6);  // facts
  put_fact(file, "general.architecture", "llama");
  put_fact(file, "llama.block_count", 2);
  put_fact(file, "llama.embedding_length", 64);
  put_fact(file, "llama.attention.head_count", 4);
  put_fact(file, "llama.attention.head_count_kv", 2);
  put_fact(file, "llama.context_length", 1024);
  put_text(file, "token_embd.weight");
  put<std::uint32_t>(file, 1);  // dimensions
  put<std::uint64_t>(file, k_elements);
  put<std::uint32_t>(file, 0);  // F32
  put<std::uint64_t>(file, 0);  // where its data begins
  file.resize((file.size() + 31) / 32 * 32);
  return file + std::string(k_elements * 4, filling);
}

}  // namespace modelfloat::test
