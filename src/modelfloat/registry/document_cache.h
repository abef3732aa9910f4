#pragma once
// Copies of documents, so that reading a model asks no store for its manifest.

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "modelfloat/base/bytes.h"
#include "modelfloat/domain/ids.h"

namespace modelfloat::registry {

// Sealed documents (parts of manifests, log records, checkpoints, key slots) by the path of their
// object. Threads, durability and errors: see Registry.
class DocumentCache {
 public:
  struct DocumentCopy {
    std::string object;  // path
    StoreId store{};
    auto operator<=>(const DocumentCopy&) const = default;
  };

  virtual ~DocumentCache() = default;

  // Replaces what was kept under this path.
  virtual void keep_document(const std::string& object, ByteSpan sealed) = 0;
  // The bytes as they were kept, not checked; nullopt when none were.
  virtual std::optional<Bytes> document(const std::string& object) = 0;
  // Records that the copy of a document on this store was read and is damaged, or that it is good
  // now. Unlike shards, documents that were not recorded are good.
  virtual void record_document_copy(const std::string& object, const StoreId&, bool is_good) = 0;
  // Ordered by object.
  virtual std::vector<DocumentCopy> damaged_documents() = 0;
  // The stores of which is known that they have no good copy of this document: it was found damaged
  // there, or is queued to be put there. Ordered by id.
  virtual std::vector<StoreId> stores_without_document(const std::string& object) = 0;
  // Records that these copies were read and found right at this time (seconds of Unix time); they
  // are good then. All are durable together.
  virtual void record_document_proofs(std::span<const DocumentCopy>, std::uint64_t at) = 0;
  // When each copy of a document was last proven right; copies that never were are left out.
  virtual std::map<StoreId, std::uint64_t> document_proofs(const std::string& object) = 0;
  // Objects that are not kept are fine.
  virtual void forget_documents(std::span<const std::string> objects) = 0;
};

}  // namespace modelfloat::registry
