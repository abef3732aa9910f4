#pragma once
// Reads XML that a server sends, piece by piece, with bounds: what comes from outside sizes
// nothing.

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "modelfloat/base/bytes.h"

namespace modelfloat::store {

// Elements are told by their local names, whatever their namespace. One thread at a time.
class XmlReader {
 public:
  using OnOpen = std::function<void(std::string_view name)>;
  // `text` is what stood in the element itself, not in its children.
  using OnClose = std::function<void(std::string_view name, std::string_view text)>;

  // `where` is for messages.
  XmlReader(std::string where, OnOpen on_open, OnClose on_close);
  ~XmlReader();
  XmlReader(const XmlReader&) = delete;
  XmlReader& operator=(const XmlReader&) = delete;

  // Error{transient} for what is no XML, has a document type (the door of entity attacks), an
  // element of more than 64 KiB of text, or is nested deeper than 64: the answer of a server that
  // is not well, or of something in between. What a callback throws comes out.
  void feed(ByteSpan piece);
  // Error{transient} when the document is not whole.
  void finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace modelfloat::store
