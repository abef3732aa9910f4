#pragma once
// Like std::function, for callables that can be moved but not copied.

#include <concepts>
#include <cstddef>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

namespace modelfloat {

template <typename Signature>
class UniqueFunction;

// Owns something that can be called. Empty when it was made of nothing, and after it was moved
// from: then it must not be called. Used by one thread at a time.
template <typename Result, typename... Arguments>
class UniqueFunction<Result(Arguments...)> {
 public:
  UniqueFunction() = default;
  UniqueFunction(std::nullptr_t) noexcept {}  // so that `= nullptr` frees what it owns
  template <typename Call>
    requires(!std::same_as<std::remove_cvref_t<Call>, UniqueFunction> &&
             std::is_invocable_r_v<Result, std::decay_t<Call>&, Arguments...>)
  UniqueFunction(Call&& call) : owned_(std::make_unique<Owned<std::decay_t<Call>>>(std::forward<Call>(call))) {}

  explicit operator bool() const noexcept { return owned_ != nullptr; }
  Result operator()(Arguments... arguments) { return owned_->run(std::forward<Arguments>(arguments)...); }

 private:
  struct Callable {
    virtual ~Callable() = default;
    virtual Result run(Arguments... arguments) = 0;
  };
  template <typename Call>
  struct Owned final : Callable {
    explicit Owned(Call from) : call(std::move(from)) {}
    Result run(Arguments... arguments) override {
      return static_cast<Result>(std::invoke(call, std::forward<Arguments>(arguments)...));
    }
    Call call;
  };

  std::unique_ptr<Callable> owned_;
};

}  // namespace modelfloat
