#include "modelfloat/store/xml_reader.h"

#include <exception>
#include <vector>

#include <expat.h>

#include "modelfloat/base/error.h"

namespace modelfloat::store {
namespace {

constexpr char k_separator = '\n';  // between namespace and name; in no namespace
constexpr std::size_t k_longest_text = std::size_t{64} << 10;
constexpr std::size_t k_deepest = 64;
constexpr std::size_t k_step_bytes = std::size_t{1} << 20;

std::string_view local_name(const char* name) {
  const std::string_view text = name;
  const auto separator = text.rfind(k_separator);
  return separator == std::string_view::npos ? text : text.substr(separator + 1);
}

struct FreeParser {
  void operator()(XML_Parser parser) const noexcept { XML_ParserFree(parser); }
};

}  // namespace

// Exceptions must not pass through expat, so they are kept and the parser is stopped.
struct XmlReader::State {
  std::string where;
  OnOpen on_open;
  OnClose on_close;
  std::unique_ptr<XML_ParserStruct, FreeParser> parser;
  std::vector<std::string> texts;  // of the elements that are open
  std::exception_ptr failure;

  template <typename Work>
  void guarded(Work work) noexcept {
    if (failure) return;
    try {
      work();
    } catch (...) {
      failure = std::current_exception();
      XML_StopParser(parser.get(), XML_FALSE);
    }
  }
  Error refused(const std::string& why) const {
    return Error(ErrorKind::transient, where, "the answer is no sound XML: " + why);
  }

  void open(std::string_view name) {
    if (texts.size() == k_deepest) throw refused("nested too deep");
    texts.emplace_back();
    on_open(name);
  }
  void close(std::string_view name) {
    const std::string text = std::move(texts.back());
    texts.pop_back();
    on_close(name, text);
  }
  void add_text(std::string_view more) {
    if (texts.back().size() + more.size() > k_longest_text) throw refused("an element is too long");
    texts.back() += more;
  }

  static State& of(void* state) { return *static_cast<State*>(state); }
  void parse(ByteSpan piece, bool last) {
    const auto status = XML_Parse(parser.get(), reinterpret_cast<const char*>(piece.data()),
                                  static_cast<int>(piece.size()), last ? XML_TRUE : XML_FALSE);
    if (failure) std::rethrow_exception(failure);
    if (status != XML_STATUS_OK) throw refused(XML_ErrorString(XML_GetErrorCode(parser.get())));
  }
};

XmlReader::XmlReader(std::string where, OnOpen on_open, OnClose on_close)
    : state_(std::make_unique<State>(
          State{std::move(where), std::move(on_open), std::move(on_close), nullptr, {}, nullptr})) {
  state_->parser.reset(XML_ParserCreateNS(nullptr, k_separator));
  XML_Parser parser = state_->parser.get();
  if (parser == nullptr) throw std::bad_alloc();
  XML_SetUserData(parser, state_.get());
  XML_SetElementHandler(
      parser,
      [](void* state, const XML_Char* name, const XML_Char**) {
        State::of(state).guarded([&] { State::of(state).open(local_name(name)); });
      },
      [](void* state, const XML_Char* name) {
        State::of(state).guarded([&] { State::of(state).close(local_name(name)); });
      });
  XML_SetCharacterDataHandler(parser, [](void* state, const XML_Char* text, int length) {
    State::of(state).guarded([&] { State::of(state).add_text({text, static_cast<std::size_t>(length)}); });
  });
  XML_SetStartDoctypeDeclHandler(parser, [](void* state, const XML_Char*, const XML_Char*, const XML_Char*, int) {
    State::of(state).guarded([&] { throw State::of(state).refused("it has a document type"); });
  });
}
XmlReader::~XmlReader() = default;

void XmlReader::feed(ByteSpan piece) {
  for (; piece.size() > k_step_bytes; piece = piece.subspan(k_step_bytes))
    state_->parse(piece.first(k_step_bytes), false);
  state_->parse(piece, false);
}

void XmlReader::finish() { state_->parse({}, true); }

}  // namespace modelfloat::store
