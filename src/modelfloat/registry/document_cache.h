#pragma once
// Copies of documents, so that reading a model asks no store for its manifest.

#include <optional>
#include <span>
#include <string>

#include "modelfloat/base/bytes.h"

namespace modelfloat::registry {

// Sealed documents (parts of manifests, log records, checkpoints, key slots) by the path of their
// object. Threads, durability and errors: see Registry.
class DocumentCache {
 public:
  virtual ~DocumentCache() = default;

  // Replaces what was kept under this path.
  virtual void keep_document(const std::string& object, ByteSpan sealed) = 0;
  // The bytes as they were kept, not checked; nullopt when none were.
  virtual std::optional<Bytes> document(const std::string& object) = 0;
  // Objects that are not kept are fine.
  virtual void forget_documents(std::span<const std::string> objects) = 0;
};

}  // namespace modelfloat::registry
