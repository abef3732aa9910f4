#pragma once

#include <memory>
#include <utility>

#include "modelfloat/store/store.h"

namespace modelfloat::test {

// Hands every call on: a base for stores that do one thing in another way.
class ForwardingStore : public store::Store {
 public:
  explicit ForwardingStore(std::unique_ptr<store::Store> inner) : inner_(std::move(inner)) {}
  store::StoreTraits traits() const override { return inner_->traits(); }
  void put(const ObjectName& name, ByteSpan bytes, const CallOptions& call) override { inner_->put(name, bytes, call); }
  std::optional<Bytes> get(const ObjectName& name, ByteRange range, const CallOptions& call) override {
    return inner_->get(name, range, call);
  }
  std::optional<store::ObjectInfo> stat(const ObjectName& name, const CallOptions& call) override {
    return inner_->stat(name, call);
  }
  void remove(const ObjectName& name, const CallOptions& call) override { inner_->remove(name, call); }
  void list(std::string_view prefix, const store::ObjectSink& sink, const CallOptions& call) override {
    inner_->list(prefix, sink, call);
  }
  store::Space space(const CallOptions& call) override { return inner_->space(call); }

 private:
  const std::unique_ptr<store::Store> inner_;
};

}  // namespace modelfloat::test
