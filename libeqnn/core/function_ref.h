// A callable that is only borrowed for the length of a call; copying it never allocates.
#pragma once

#include <memory>
#include <type_traits>
#include <utility>

namespace eqnn {

template <class Signature>
class FunctionRef;
// Refers to the callable that it is made of, which must outlive it; empty, as by default, it must not be called.
template <class R, class... A>
class FunctionRef<R(A...)> {
 public:
  FunctionRef() = default;
  template <class F>
  requires(!std::is_same_v<std::remove_cvref_t<F>, FunctionRef> && !std::is_function_v<std::remove_reference_t<F>>)
      FunctionRef(F&& f)
      : callee_{.object = const_cast<void*>(static_cast<const void*>(std::addressof(f)))},
        call_([](Callee c, A... a) -> R {
          return (*static_cast<std::remove_reference_t<F>*>(c.object))(std::forward<A>(a)...);
        }) {}
  // A plain function.
  FunctionRef(R (*f)(A...)) : callee_{.function = f} {
    if (f != nullptr) call_ = [](Callee c, A... a) -> R { return c.function(std::forward<A>(a)...); };
  }
  R operator()(A... a) const { return call_(callee_, std::forward<A>(a)...); }
  explicit operator bool() const { return call_ != nullptr; }

 private:
  union Callee {
    void* object;
    R (*function)(A...);
  };
  Callee callee_{nullptr};
  R (*call_)(Callee, A...) = nullptr;
};

}  // namespace eqnn
