#pragma once
// Several changes of the registry as one.

#include <functional>

namespace modelfloat::registry {

class Transactions {
 public:
  virtual ~Transactions() = default;

  // Runs `work` once, on this thread, as one transaction. What `work` writes through this registry
  // on this thread is durable when this method returns. When `work` throws, its changes are rolled
  // back and the exception is passed on.
  // - Exclusive: from before `work` begins until this returns, no other thread and no other process
  //   writes to the registry. So what `work` reads stays true: two processes that read the last
  //   number and write the next one never use the same number (PoolLog::publish). Until the end,
  //   other readers see the state before `work` began, and other writers wait. Therefore `work`
  //   must not call a store or wait for anything.
  // - Nested calls on one thread: the inner transaction becomes durable with the outer one. When
  //   the inner `work` throws, only its own changes are rolled back.
  // - Error{transient} when another writer does not end in time. Then `work` has not run.
  virtual void transaction(const std::function<void()>& work) = 0;
};

}  // namespace modelfloat::registry
