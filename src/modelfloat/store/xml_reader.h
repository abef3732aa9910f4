#pragma once
// Reads XML from a server piece by piece, with limits: a server cannot make it use unbounded
// memory.

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "modelfloat/base/bytes.h"

namespace modelfloat::store {

// Elements are identified by their local names; namespaces are ignored. Used by one thread at a
// time.
class XmlReader {
 public:
  using OnOpen = std::function<void(std::string_view name)>;
  // `text` is the text directly in the element, without that of its children.
  using OnClose = std::function<void(std::string_view name, std::string_view text)>;

  // `where` is for messages.
  XmlReader(std::string where, OnOpen on_open, OnClose on_close);
  ~XmlReader();
  XmlReader(const XmlReader&) = delete;
  XmlReader& operator=(const XmlReader&) = delete;

  // Parses the next piece and calls the callbacks. Throws what a callback throws, and
  // Error{transient} for text that is no XML, has a document type (which entity attacks use), has
  // an element with more than 64 KiB of text, or is nested more than 64 deep. Such an answer comes
  // from a faulty server or a proxy in between.
  void feed(ByteSpan piece);
  // Throws Error{transient} when the document is incomplete.
  void finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace modelfloat::store
