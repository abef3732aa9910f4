#pragma once
// Several changes of the registry as one.

#include <functional>

namespace modelfloat::registry {

class Transactions {
 public:
  virtual ~Transactions() = default;

  // Runs `work` once, on this thread, as one transaction: what it writes through this registry on
  // this thread is durable when this returns. When `work` throws, all of it is undone, and the
  // exception passes on.
  // Exclusive: from before `work` begins until this returns, no other thread and no other process
  // writes to the registry. What `work` reads stays true until then; so two processes that read the
  // last number and write the next one never take the same (PoolLog::publish). Others read what was
  // there before `work` began. Other writers wait, so `work` calls no store and waits for nothing.
  // Inside another transaction of this thread it is a part of that one: durable when that one is,
  // and undone by itself when it throws.
  // Error{transient} when another writer does not end in time; `work` has not run then.
  virtual void transaction(const std::function<void()>& work) = 0;
};

}  // namespace modelfloat::registry
