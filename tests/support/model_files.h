#pragma once
// Small GGUF and safetensors files made in memory, sound ones by a description and broken ones
// piece by piece.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "modelfloat/base/bytes.h"

namespace modelfloat::test {

// `count` bytes that look random and follow from the seed alone.
Bytes noise(std::size_t count, std::uint64_t seed);

struct TestTensor {
  std::string name;
  std::string dtype = "F32";
  std::vector<std::uint64_t> shape{};
  std::uint64_t seed = 0;  // decides the bytes; another seed is another tensor of the same size
};

// The tensors of a little llama: per layer two F32 norms and a few matrices of `dtype`, and one
// large embedding. A layer is about 1.5 MB at a width of 256 in F16.
std::vector<TestTensor> little_llama(std::size_t layers, const std::string& dtype = "F16", std::uint64_t width = 256);

struct GgufSpec {
  std::uint32_t version = 3;
  std::uint32_t alignment = 32;  // written as a key unless it is the default of 32
  std::string architecture = "llama";
  std::size_t vocabulary = 500;                              // tokens in the header
  std::vector<std::pair<std::string, std::string>> texts{};  // more metadata: makes the header grow
  std::vector<TestTensor> tensors{};
};
Bytes make_gguf(const GgufSpec& spec);

struct SafetensorsSpec {
  std::map<std::string, std::string> metadata{};
  std::vector<TestTensor> tensors{};
};
Bytes make_safetensors(const SafetensorsSpec& spec);

// A safetensors file of this header text, whatever it says, and this data.
Bytes make_safetensors(std::string_view header, ByteSpan data);

// Writes the pieces of a GGUF header, right or wrong.
class GgufWriter {
 public:
  GgufWriter& number32(std::uint32_t value);
  GgufWriter& number64(std::uint64_t value);
  GgufWriter& text(std::string_view value);
  // Magic, version, counts.
  GgufWriter& preamble(std::uint64_t tensors, std::uint64_t keys, std::uint32_t version = 3);
  GgufWriter& text_key(std::string_view key, std::string_view value);
  GgufWriter& number_key(std::string_view key, std::uint32_t value);
  GgufWriter& tensor(std::string_view name, const std::vector<std::uint64_t>& shape, std::uint32_t type,
                     std::uint64_t offset);
  GgufWriter& pad_to(std::size_t alignment);
  GgufWriter& data(ByteSpan bytes);
  GgufWriter& zeros(std::size_t count);
  const Bytes& bytes() const { return bytes_; }

 private:
  Bytes bytes_;
};

}  // namespace modelfloat::test
