#pragma once
// The credentials of an account: the named values of a credentials file.

#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "modelfloat/crypto/secret.h"

namespace modelfloat::store {

// The values are wiped from memory when they are destroyed. No Error contains any of them.
class Credentials {
 public:
  // Parses a JSON object of strings. A value that is itself an object is kept as its JSON text (a
  // service account). Throws Error{invalid} naming `where` for any other text.
  static Credentials parse(ByteSpan json, const std::string& where);
  // The JSON that parse() reads.
  crypto::SecretBytes to_json() const;

  bool empty() const noexcept { return values_.empty(); }
  bool has(std::string_view name) const { return values_.find(name) != values_.end(); }
  // Returns the value; nullopt when there is none. Valid until the value is set again.
  std::optional<std::string_view> find(std::string_view name) const;
  // Returns the value. When it is missing or empty, throws Error{denied}, which says what is
  // missing and how to give it.
  std::string_view require(std::string_view name, const std::string& where) const;
  void set(std::string_view name, std::string_view value);
  // Removes the value and returns it; empty when there was none.
  std::string extract(std::string_view name);
  // Throws Error{invalid} when there is a name that is not in `known`.
  void check_names(std::initializer_list<std::string_view> known, const std::string& where) const;

 private:
  std::map<std::string, crypto::SecretBytes, std::less<>> values_;
};

}  // namespace modelfloat::store
