#include "optimizers.h"

#include <cmath>
#include <type_traits>

#include "../kernels/kernels.h"
#include "spelling.h"

namespace eqnn {
namespace {

void check_rate(double rate) {
  require(std::isfinite(rate) && rate >= 0, "the learning rate is ", rate, "; it must be finite and not negative");
}

void check_decay(double decay) {
  require(std::isfinite(decay) && decay >= 0, "weight decay is ", decay, "; it must be finite and not negative");
}

// Of Adam and AdamW.
template <class O>
void check_adam(const O& o) {
  check_rate(o.rate);
  check_decay(o.weight_decay);
  require(o.beta1 >= 0 && o.beta1 < 1 && o.beta2 >= 0 && o.beta2 < 1, "Adam's betas are ", o.beta1, " and ",
          o.beta2, "; they must be in [0, 1)");
  require(o.epsilon > 0 && std::isfinite(o.epsilon), "Adam's epsilon is ", o.epsilon, "; it must be positive");
}

// p = keep p, then Adam's step with g += decay p.
template <class O, class T>
void update_adam(const O& o, double decay, double keep, const UpdateStep& step, const UpdateRange<T>& range) {
  const double t = static_cast<double>(step.step + 1);
  const double correction1 = 1 - std::pow(o.beta1, t), correction2 = 1 - std::pow(o.beta2, t);
  const kernels::AdamUpdate<T> u{static_cast<T>(step.rate_factor * o.rate / correction1),
                                 static_cast<T>(std::sqrt(correction2)),
                                 static_cast<T>(o.beta1),
                                 static_cast<T>(o.beta2),
                                 static_cast<T>(o.epsilon),
                                 static_cast<T>(decay),
                                 static_cast<T>(step.gradient_scale),
                                 static_cast<T>(keep)};
  kernels::adam(u, range.size, range.parameters(), range.gradient(), range.moment(0), range.moment(1));
}

}  // namespace

void Sgd::check() const {
  check_rate(rate);
  check_decay(weight_decay);
  require(std::isfinite(momentum) && momentum >= 0, "momentum is ", momentum,
          "; it must be finite and not negative");
  require(!nesterov || momentum > 0, "nesterov needs a momentum above 0");
}
std::vector<std::string> Sgd::moments() const {
  return momentum > 0 ? std::vector<std::string>{"momentum"} : std::vector<std::string>{};
}
template <class T>
void Sgd::update(const UpdateStep& step, const UpdateRange<T>& range) const {
  const kernels::SgdUpdate<T> u{static_cast<T>(step.rate_factor * rate),
                                static_cast<T>(momentum),
                                static_cast<T>(weight_decay * step.decay_factor),
                                static_cast<T>(step.gradient_scale),
                                nesterov,
                                step.step == 0};
  T* buffer = momentum > 0 ? range.moment(0) : nullptr;
  kernels::sgd(u, range.size, range.parameters(), range.gradient(), buffer);
}

void Adam::check() const { check_adam(*this); }
std::vector<std::string> Adam::moments() const { return {"m", "v"}; }
template <class T>
void Adam::update(const UpdateStep& step, const UpdateRange<T>& range) const {
  update_adam(*this, weight_decay * step.decay_factor, 1.0, step, range);
}

void AdamW::check() const { check_adam(*this); }
std::vector<std::string> AdamW::moments() const { return {"m", "v"}; }
template <class T>
void AdamW::update(const UpdateStep& step, const UpdateRange<T>& range) const {
  update_adam(*this, 0.0, 1 - step.rate_factor * rate * weight_decay * step.decay_factor, step, range);
}

void SignSgd::check() const {
  check_rate(rate);
  check_decay(weight_decay);
}
std::vector<std::string> SignSgd::moments() const { return {}; }
template <class T>
void SignSgd::update(const UpdateStep& step, const UpdateRange<T>& range) const {
  kernels::sign_sgd(static_cast<T>(step.rate_factor * rate), static_cast<T>(weight_decay * step.decay_factor),
                    static_cast<T>(step.gradient_scale), range.size, range.parameters(), range.gradient());
}

namespace {

// Calls each(o) with every optimiser of the list, as it is by default.
template <class Each>
void for_each_optimizer(const Each& each) {
  [&]<class... O>(std::type_identity<std::variant<O...>>) { (each(O{}), ...); }(std::type_identity<Optimizer>());
}

[[noreturn]] void unknown(const std::string& what, std::string_view name, const std::vector<std::string>& known) {
  throw ValueError(concat("there is no ", what, " '", name, "'", spelling_hint(name, known)));
}

template <class O>
std::vector<std::string> setting_names(const O& o) {
  std::vector<std::string> names;
  O::settings(o, [&](const char* name, const auto&) { names.emplace_back(name); });
  return names;
}

template <class O>
void set(O& o, const std::string& setting, double value) {
  bool found = false;
  O::settings(o, [&](const char* name, auto& field) {
    if (name != setting) return;
    found = true;
    if constexpr (std::is_same_v<decltype(field), bool&>)
      require(value == 0 || value == 1, setting, " is ", value, "; it must be 0 or 1");
    field = static_cast<std::remove_reference_t<decltype(field)>>(value);
  });
  if (!found) unknown(concat("setting of ", O::name), setting, setting_names(o));
}

}  // namespace

std::vector<std::string> optimizer_names() {
  std::vector<std::string> names;
  for_each_optimizer([&](const auto& o) { names.emplace_back(o.name); });
  return names;
}

std::vector<std::string> optimizer_settings(std::string_view name) {
  return std::visit([](const auto& o) { return setting_names(o); }, make_optimizer(name));
}

Optimizer make_optimizer(std::string_view name, const std::vector<std::pair<std::string, double>>& settings) {
  Optimizer result;
  bool found = false;
  for_each_optimizer([&](auto o) {
    if (o.name != name) return;
    found = true;
    for (const auto& [setting, value] : settings) set(o, setting, value);
    result = o;
  });
  if (!found) unknown("optimiser", name, optimizer_names());
  return result;
}

void check_optimizer(const Optimizer& optimizer) {
  std::visit([](const auto& o) { o.check(); }, optimizer);
}

double optimizer_rate(const Optimizer& optimizer) {
  return std::visit([](const auto& o) { return o.rate; }, optimizer);
}

std::vector<std::string> optimizer_moments(const Optimizer& optimizer) {
  return std::visit([](const auto& o) { return o.moments(); }, optimizer);
}

template <class T>
void optimizer_update(const Optimizer& optimizer, const UpdateStep& step, const UpdateRange<T>& range) {
  std::visit([&](const auto& o) { o.update(step, range); }, optimizer);
}
template void optimizer_update(const Optimizer&, const UpdateStep&, const UpdateRange<float>&);
template void optimizer_update(const Optimizer&, const UpdateStep&, const UpdateRange<double>&);

}  // namespace eqnn
