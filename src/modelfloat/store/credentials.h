#pragma once
// What opens an account: the named values of a credentials file.

#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "modelfloat/crypto/secret.h"

namespace modelfloat::store {

// Values that wipe themselves. Nothing of them appears in an Error.
class Credentials {
 public:
  // A JSON object of strings; a value that is an object itself is kept as its JSON text (a service
  // account). Error{invalid} naming `where` for anything else.
  static Credentials parse(ByteSpan json, const std::string& where);
  // The same object again.
  crypto::SecretBytes to_json() const;

  bool empty() const noexcept { return values_.empty(); }
  bool has(std::string_view name) const { return values_.find(name) != values_.end(); }
  // Valid until the value is set anew.
  std::optional<std::string_view> find(std::string_view name) const;
  // Error{denied}, saying what is missing and how to give it, when it is not there or empty.
  std::string_view require(std::string_view name, const std::string& where) const;
  void set(std::string_view name, std::string_view value);
  // The value, which is not there any more; empty when it was not.
  std::string extract(std::string_view name);
  // Error{invalid} when there is a name that is not among these.
  void check_names(std::initializer_list<std::string_view> known, const std::string& where) const;

 private:
  std::map<std::string, crypto::SecretBytes, std::less<>> values_;
};

}  // namespace modelfloat::store
