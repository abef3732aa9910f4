#pragma once

#include <functional>

#include "support/forwarding_store.h"

namespace modelfloat::test {

// Calls back with each log record that is put: once the store has it, or before it has.
class RecordHook final : public ForwardingStore {
 public:
  RecordHook(std::unique_ptr<store::Store> inner, std::function<void()> after, std::function<void()> before = {})
      : ForwardingStore(std::move(inner)), after_(std::move(after)), before_(std::move(before)) {}
  void put(const ObjectName& name, ByteSpan bytes, const CallOptions& call) override {
    const bool is_record = name.type() == ObjectType::log;
    if (is_record && before_) before_();
    ForwardingStore::put(name, bytes, call);
    if (is_record && after_) after_();
  }

 private:
  const std::function<void()> after_;
  const std::function<void()> before_;
};

}  // namespace modelfloat::test
