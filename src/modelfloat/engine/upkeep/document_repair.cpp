#include "modelfloat/engine/upkeep/document_repair.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>

#include "modelfloat/base/log.h"
#include "modelfloat/engine/upkeep/document_copies.h"
#include "modelfloat/transfer/ask/object_reader.h"

namespace modelfloat::engine {
namespace {

using transfer::PoolStore;

constexpr std::uint64_t k_bytes_at_once = std::uint64_t{16} << 20;

class DocumentsOnStores {
 public:
  DocumentsOnStores(const RepairContext& context, const transfer::Inventory& inventory, const CallOptions& call)
      : context_(context), copies_(context.registry(), inventory), call_(call) {}

  std::vector<const PoolStore*> lacking(const ObjectName& name) const { return copies_.lacking(name); }

  std::optional<Bytes> read(const ObjectName& name) const {
    if (auto kept = context_.registry().document(name.path()); kept && transfer::fits_name(name, *kept)) return kept;
    return transfer::read_object(context_.stores, name, false, {}, call_);
  }

  void queue(const ObjectName& name, const Bytes& bytes, const std::vector<const PoolStore*>& stores) {
    std::vector<registry::QueuedPut> puts;
    for (const PoolStore* store : stores) {
      puts.push_back({store->id, name.path(), bytes});
      queued_.emplace(std::pair(name.path(), store), bytes.size());
      bytes_ += bytes.size();
    }
    context_.registry().queue_puts(puts);
    if (bytes_ >= k_bytes_at_once) flush();
  }

  // Uploads what was queued, and takes stock. One flush does not wait for a store that has much more
  // to take than the others, so there is another as long as something is taken.
  void flush() {
    if (queued_.empty()) return;
    std::set<std::pair<std::string, StoreId>> left;
    std::size_t before = 0;
    do {
      before = left.empty() ? SIZE_MAX : left.size();
      context_.documents.flush(transfer::WaitFor::all, call_);
      left = still_queued();
    } while (!left.empty() && left.size() < before);
    for (const auto& [put, bytes] : queued_) {
      const auto& [object, store] = put;
      if (left.contains({object, store->id})) {
        ++done_.not_taken[store->name];
        continue;
      }
      ++done_.written;
      done_.bytes_written += bytes;
      context_.registry().record_document_copy(object, store->id, true);
    }
    queued_.clear();
    bytes_ = 0;
  }

  DocumentRepair finish() {
    flush();
    return std::move(done_);
  }

  DocumentRepair& done() { return done_; }

 private:
  std::set<std::pair<std::string, StoreId>> still_queued() const {
    std::set<std::pair<std::string, StoreId>> left;
    for (auto& put : context_.registry().queued_puts()) left.emplace(std::move(put.object), put.store);
    return left;
  }

  const RepairContext context_;
  const DocumentCopies copies_;
  const CallOptions& call_;
  std::map<std::pair<std::string, const PoolStore*>, std::uint64_t> queued_;  // with its bytes
  std::uint64_t bytes_ = 0;
  DocumentRepair done_;
};

}  // namespace

DocumentRepair repair_documents(const RepairContext& context, const transfer::Inventory& inventory,
                                const std::set<ObjectName>& documents, bool dry_run, const CallOptions& call) {
  DocumentsOnStores on_stores(context, inventory, call);
  for (const ObjectName& name : documents) {
    const auto lacking = on_stores.lacking(name);
    if (lacking.empty()) continue;
    const auto bytes = on_stores.read(name);
    if (!bytes) {
      on_stores.done().doubts.push_back(name.path() + " is on no store that can be read now");
      continue;
    }
    if (dry_run) {
      on_stores.done().bytes_written += lacking.size() * bytes->size();
      on_stores.done().written += lacking.size();
    } else {
      on_stores.queue(name, *bytes, lacking);
    }
  }
  return on_stores.finish();
}

}  // namespace modelfloat::engine
