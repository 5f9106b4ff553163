// A training run's state, from damaged files.
#include <doctest/doctest.h>

#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "support/thrown.h"
#include "train/resolve.h"
#include "train/training.h"

namespace test_training {

namespace {

TEST_CASE("training: the log of an oracle counts whole numbers, or the checkpoint is refused") {
  const tools::TrainConfig config = tools::resolve_config({{"family", "gnn-degree-parity"},
                                                           {"n", "4"},
                                                           {"width", "2"},
                                                           {"steps", "10"},
                                                           {"oracle", "csq"},
                                                           {"tau", "0.1"}},
                                                          0);
  const tools::Examples examples = tools::make_examples(config);
  const auto training = tools::make_training(config, examples, 1);
  const auto restored = [&](double queries, double above, double largest) {
    eqnn::SafeTensors file{"checkpoint", training->state(), {}};
    for (eqnn::NamedArray& a : file.arrays)
      if (a.bytes.size() == 3 * sizeof(double) && a.dtype == "F64" && a.name.find("oracle") != std::string::npos) {
        const double values[] = {queries, above, largest};
        std::memcpy(a.bytes.data(), values, sizeof values);
      }
    return message<eqnn::FileError>([&] { training->restore(file, 5); });
  };
  const double nan = std::numeric_limits<double>::quiet_NaN(), infinity = std::numeric_limits<double>::infinity();
  CHECK(restored(20, 3, 0.5) == "no error");
  CHECK(training->oracle()->log() == eqnn::hard::Oracle::Log{20, 3, 0.5});
  CHECK(restored(20, 3, infinity) == "no error");
  for (const double wrong : {nan, infinity, -1.0, 0.5, 1e300, -1e300}) {
    CAPTURE(wrong);
    CHECK(contains(restored(wrong, 3, 0.5), "queries"));
    CHECK(contains(restored(20, wrong, 0.5), "queries"));
  }
}

}  // namespace

}  // namespace test_training
