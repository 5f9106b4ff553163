// Optimisers by name: what a command or a file makes of them. Their updates are in test_trainer.cc, against
// PyTorch.
#include <doctest/doctest.h>
#include <eqnn/core/optimizers.h>

#include <string>
#include <vector>

#include "support/thrown.h"

namespace test_optimizers {

using namespace eqnn;

TEST_CASE("optimisers are made by name, with their settings by name") {
  CHECK(optimizer_names() == std::vector<std::string>{"sgd", "adam", "adamw", "sign-sgd"});
  CHECK(optimizer_settings("sgd") == std::vector<std::string>{"rate", "momentum", "nesterov", "weight_decay"});
  CHECK(optimizer_settings("adamw") ==
        std::vector<std::string>{"rate", "beta1", "beta2", "epsilon", "weight_decay"});

  const Sgd sgd = std::get<Sgd>(make_optimizer("sgd", {{"momentum", 0.9}, {"nesterov", 1}}));
  CHECK(sgd.rate == Sgd{}.rate);
  CHECK(sgd.momentum == 0.9);
  CHECK(sgd.nesterov);
  CHECK(std::get<AdamW>(make_optimizer("adamw")).weight_decay == AdamW{}.weight_decay);
}

TEST_CASE("every setting of every optimiser can be set, and has the name of its field") {
  for (const std::string& name : optimizer_names()) {
    CAPTURE(name);
    const std::vector<std::string> settings = optimizer_settings(name);
    REQUIRE(settings[0] == "rate");
    for (const std::string& setting : settings) {
      CAPTURE(setting);
      const Optimizer made = make_optimizer(name, {{setting, 1.0}});
      std::visit(
          [&](const auto& o) {
            CHECK(o.name == name);
            o.settings(o, [&](const char* other, const auto& value) {
              if (other == setting) CHECK(static_cast<double>(value) == 1);
            });
          },
          made);
    }
  }
}

TEST_CASE("names that no optimiser has are refused with the nearest") {
  CHECK(message([] { make_optimizer("adan"); }) == "there is no optimiser 'adan'; the nearest is 'adam'");
  CHECK(message([] {
          make_optimizer("sgd", {{"momentun", 1}});
        }) == "there is no setting of sgd 'momentun'; the nearest is 'momentum'");
  CHECK(message([] { make_optimizer("sgd", {{"nesterov", 0.5}}); }) == "nesterov is 0.500000; it must be 0 or 1");
  CHECK_THROWS_AS(make_optimizer("adam", {{"momentum", 0.9}}), ValueError);
  CHECK_THROWS_AS(optimizer_settings(""), ValueError);
}

}  // namespace test_optimizers
