#include "support/model_files.h"

#include <algorithm>
#include <stdexcept>

#include "modelfloat/domain/tensor.h"

namespace modelfloat::test {
namespace {

constexpr std::uint32_t k_gguf_u32 = 4;
constexpr std::uint32_t k_gguf_string = 8;
constexpr std::uint32_t k_gguf_array = 9;

std::uint64_t length_of(const TestTensor& tensor) {
  const auto block = dtype_block(tensor.dtype);
  const auto elements = element_count(tensor.shape);
  if (!block || !elements) throw std::logic_error("a test tensor of unknown size");
  return *elements / block->elements * block->bytes;
}

std::uint32_t ggml_number(std::string_view dtype) {
  static const std::map<std::string_view, std::uint32_t> k_numbers = {{"F32", 0},   {"F16", 1},  {"Q4_0", 2},
                                                                      {"Q4_1", 3},  {"Q8_0", 8}, {"Q4_K", 12},
                                                                      {"Q6_K", 14}, {"I32", 26}, {"BF16", 30}};
  return k_numbers.at(dtype);
}

std::uint64_t round_up(std::uint64_t value, std::uint64_t to) { return (value + to - 1) / to * to; }

}  // namespace

Bytes noise(std::size_t count, std::uint64_t seed) {
  Bytes bytes(round_up(count, 8));
  std::uint64_t state = seed * 0x2545'F491'4F6C'DD1DULL + 0x9E37'79B9'7F4A'7C15ULL;
  for (std::size_t i = 0; i < bytes.size(); i += 8) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    store_le(MutableByteSpan(bytes).subspan(i, 8), state * 0x2545'F491'4F6C'DD1DULL);
  }
  bytes.resize(count);
  return bytes;
}

std::vector<TestTensor> little_llama(std::size_t layers, const std::string& dtype, std::uint64_t width) {
  std::vector<TestTensor> tensors;
  const auto add = [&](const std::string& name, const std::string& type, std::vector<std::uint64_t> shape) {
    tensors.push_back({name, type, std::move(shape), tensors.size() + 1});
  };
  add("token_embd.weight", dtype, {width, 32 * width});
  for (std::size_t i = 0; i < layers; ++i) {
    const auto block = "blk." + std::to_string(i) + ".";
    add(block + "attn_norm.weight", "F32", {width});
    for (const auto* name : {"attn_q", "attn_k", "attn_v", "attn_output"}) {
      add(block + name + ".weight", dtype, {width, width});
    }
    add(block + "ffn_norm.weight", "F32", {width});
    for (const auto* name : {"ffn_gate", "ffn_up", "ffn_down"})
      add(block + name + ".weight", dtype, {width, 3 * width});
  }
  add("output_norm.weight", "F32", {width});
  return tensors;
}

Bytes make_gguf(const GgufSpec& spec) {
  const bool names_alignment = spec.alignment != 32;
  GgufWriter file;
  file.preamble(spec.tensors.size(), 3 + spec.texts.size() + (names_alignment ? 1 : 0), spec.version);
  file.text_key("general.architecture", spec.architecture);
  if (names_alignment) file.number_key("general.alignment", spec.alignment);
  file.number_key(spec.architecture + ".context_length", 2048);
  for (const auto& [key, value] : spec.texts) file.text_key(key, value);
  file.text("tokenizer.ggml.tokens").number32(k_gguf_array).number32(k_gguf_string).number64(spec.vocabulary);
  for (std::size_t i = 0; i < spec.vocabulary; ++i) file.text("token" + std::to_string(i * 7919));

  std::uint64_t offset = 0;
  for (const auto& tensor : spec.tensors) {
    file.tensor(tensor.name, tensor.shape, ggml_number(tensor.dtype), offset);
    offset = round_up(offset + length_of(tensor), spec.alignment);
  }
  for (const auto& tensor : spec.tensors) {
    file.pad_to(spec.alignment).data(noise(length_of(tensor), tensor.seed));
  }
  if (!spec.tensors.empty()) file.pad_to(spec.alignment);
  return file.bytes();
}

Bytes make_safetensors(const SafetensorsSpec& spec) {
  std::string header = "{";
  const auto separate = [&] {
    if (header.size() > 1) header += ',';
  };
  if (!spec.metadata.empty()) {
    header += "\"__metadata__\":{";
    for (const auto& [key, value] : spec.metadata) header += '"' + key + "\":\"" + value + "\",";
    header.back() = '}';
  }
  Bytes data;
  for (const auto& tensor : spec.tensors) {
    separate();
    header += '"' + tensor.name + "\":{\"dtype\":\"" + tensor.dtype + "\",\"shape\":[";
    for (const auto dimension : tensor.shape) header += std::to_string(dimension) + ',';
    if (!tensor.shape.empty()) header.pop_back();
    header += "],\"data_offsets\":[" + std::to_string(data.size()) + ',';
    append(data, noise(length_of(tensor), tensor.seed));
    header += std::to_string(data.size()) + "]}";
  }
  header += '}';
  header.resize(round_up(header.size(), 8), ' ');
  return make_safetensors(header, data);
}

Bytes make_safetensors(std::string_view header, ByteSpan data) {
  Bytes file(8);
  store_le<std::uint64_t>(file, header.size());
  append(file, as_bytes(header));
  append(file, data);
  return file;
}

GgufWriter& GgufWriter::number32(std::uint32_t value) {
  std::array<std::byte, 4> bytes{};
  store_le(MutableByteSpan(bytes), value);
  return data(bytes);
}
GgufWriter& GgufWriter::number64(std::uint64_t value) {
  std::array<std::byte, 8> bytes{};
  store_le(MutableByteSpan(bytes), value);
  return data(bytes);
}
GgufWriter& GgufWriter::text(std::string_view value) { return number64(value.size()).data(as_bytes(value)); }
GgufWriter& GgufWriter::preamble(std::uint64_t tensors, std::uint64_t keys, std::uint32_t version) {
  return data(as_bytes("GGUF")).number32(version).number64(tensors).number64(keys);
}
GgufWriter& GgufWriter::text_key(std::string_view key, std::string_view value) {
  return text(key).number32(k_gguf_string).text(value);
}
GgufWriter& GgufWriter::number_key(std::string_view key, std::uint32_t value) {
  return text(key).number32(k_gguf_u32).number32(value);
}
GgufWriter& GgufWriter::tensor(std::string_view name, const std::vector<std::uint64_t>& shape, std::uint32_t type,
                               std::uint64_t offset) {
  text(name).number32(static_cast<std::uint32_t>(shape.size()));
  for (const auto dimension : shape) number64(dimension);
  return number32(type).number64(offset);
}
GgufWriter& GgufWriter::pad_to(std::size_t alignment) {
  return zeros(round_up(bytes_.size(), alignment) - bytes_.size());
}
GgufWriter& GgufWriter::data(ByteSpan bytes) {
  append(bytes_, bytes);
  return *this;
}
GgufWriter& GgufWriter::zeros(std::size_t count) {
  bytes_.resize(bytes_.size() + count, std::byte{0});
  return *this;
}

}  // namespace modelfloat::test
