#include "modelfloat/formats/stand_in.h"

#include <algorithm>
#include <array>

namespace modelfloat::formats {
namespace {

using namespace std::string_view_literals;

constexpr std::uint64_t k_max_pointer_bytes = 1024;  // Git LFS takes no larger file for a pointer

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return result;
}

template <std::size_t N>
bool ends_with_any(std::string_view name, const std::array<std::string_view, N>& ends) {
  return std::any_of(ends.begin(), ends.end(), [&](std::string_view end) { return name.ends_with(end); });
}

bool is_unfinished(std::string_view name) {
  static constexpr std::array k_ends{".incomplete"sv, ".part"sv,  ".partial"sv,
                                     ".crdownload"sv, ".aria2"sv, ".download"sv};
  return ends_with_any(name, k_ends);
}

bool has_own_format(std::string_view name) { return name.ends_with(".gguf") || name.ends_with(".safetensors"); }

bool is_weights(std::string_view name) {
  static constexpr std::array k_ends{".bin"sv,  ".pt"sv, ".pth"sv, ".ckpt"sv,   ".onnx"sv,
                                     ".ggml"sv, ".h5"sv, ".npz"sv, ".msgpack"sv};
  return has_own_format(name) || ends_with_any(name, k_ends);
}

// Behind white space and a byte order mark.
std::string_view text_start(std::string_view head) {
  if (head.starts_with("\xEF\xBB\xBF"sv)) head.remove_prefix(3);
  const auto begin = head.find_first_not_of(" \t\r\n");
  return begin == std::string_view::npos ? std::string_view() : head.substr(begin);
}

bool is_lfs_pointer(std::string_view head, std::optional<std::uint64_t> file_size) {
  return text_start(head).starts_with("version https://git-lfs.github.com/spec/"sv) &&
         head.find("\noid sha256:"sv) != std::string_view::npos &&
         file_size.value_or(head.size()) <= k_max_pointer_bytes;
}

bool is_web_page(std::string_view head) {
  const std::string begin = lower(text_start(head).substr(0, 16));
  return begin.starts_with("<!doctype html") || begin.starts_with("<html") || begin.starts_with("<head");
}

bool is_json(std::string_view head) {
  const auto text = text_start(head);
  if (text.empty() || (text.front() != '{' && text.front() != '[')) return false;
  const auto second = text_start(text.substr(1));
  return !second.empty() && (second.front() == '"' || second.front() == '{' || second.front() == '}');
}

struct Magic {
  std::string_view bytes;
  std::string_view what;
};

std::string_view archive_kind(std::string_view head) {
  static constexpr std::array k_magics{Magic{"PK\x03\x04"sv, "a ZIP archive (as PyTorch writes them)"},
                                       Magic{"\x1F\x8B\x08"sv, "a gzip archive"},
                                       Magic{"\x28\xB5\x2F\xFD"sv, "a Zstandard archive"},
                                       Magic{"\xFD"
                                             "7zXZ\0"sv,
                                             "an xz archive"},
                                       Magic{"7z\xBC\xAF\x27\x1C"sv, "a 7-Zip archive"},
                                       Magic{"BZh"sv, "a bzip2 archive"},
                                       Magic{"\x80\x02"sv, "a Python pickle"},
                                       Magic{"\x80\x04\x95"sv, "a Python pickle"}};
  for (const Magic& magic : k_magics) {
    if (head.starts_with(magic.bytes)) return magic.what;
  }
  constexpr std::size_t k_tar_magic_at = 257;
  if (head.size() > k_tar_magic_at && head.substr(k_tar_magic_at).starts_with("ustar"sv)) return "a tar archive";
  return {};
}

std::string failed_download(std::string_view what) {
  return "is " + std::string(what) +
         ", such as a server sends instead of a file: download it again, perhaps with an access token";
}

}  // namespace

std::string stand_in(ByteSpan head_bytes, std::optional<std::uint64_t> file_size, std::string_view path) {
  const std::string_view head = as_text(head_bytes);
  const std::string name = lower(path.substr(path.rfind('/') + 1));
  if (is_lfs_pointer(head, file_size)) {
    return "is a Git LFS pointer, not the file that it points to: run `git lfs pull` where it comes from";
  }
  if (is_unfinished(name)) return "is named like a download that has not ended: let it end first";
  if (name.ends_with(".json") && is_web_page(head)) return failed_download("a web page");
  if (!is_weights(name)) return {};
  if (head.empty()) return "is empty: download it again";
  if (is_web_page(head)) return failed_download("a web page");
  if (is_json(head)) return failed_download("a JSON text");
  if (text_start(head).starts_with("<?xml")) return failed_download("an XML text");
  if (!has_own_format(name)) return {};
  if (const auto kind = archive_kind(head); !kind.empty()) {
    return "is " + std::string(kind) + " under another name: unpack or convert it";
  }
  return {};
}

}  // namespace modelfloat::formats
