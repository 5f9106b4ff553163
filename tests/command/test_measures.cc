// What a run says of its gradient and its way: gradient_norm, gradient_snr, distance, steps_to_learn.
#include <doctest/doctest.h>

#include <cmath>

#include "support/command.h"

namespace test_measures {

using namespace cli;

namespace {

// Four shards a batch, so that there is something to estimate the noise from.
Arguments measured(const Arguments& more = {}) { return tiny(Arguments{"--shard", "2"} + more); }

// The control of a small network, which learns it within a few hundred steps.
Arguments learning(const Arguments& more = {}) {
  return Arguments{"train", "gnn-degree-parity", "--n",      "4",         "--control", "--width",
                   "16",    "--head-width",      "16",       "--depth",   "1",         "--lr",
                   "2e-2",  "--schedule",        "constant", "--steps",   "600",       "--eval-every",
                   "20",    "--test-samples",    "1000",     "--threads", "1"} +
         more;
}

Json result_of(const Folder& f, const std::string& run) { return Json::parse(f.read(run + "/result.json")); }

}  // namespace

TEST_CASE("measures: every line and the result have them, and the last line is the result's") {
  const Folder f;
  accepted(f, measured({"--out", "run", "--eval-every", "10"}));
  const auto all = metrics(f, "run");
  const Json result = result_of(f, "run");
  REQUIRE(all.size() == 4);
  for (const Json& line : all) {
    CHECK(line["gradient_norm"].get<double>() > 0);
    CHECK(std::isfinite(line["gradient_snr"].get<double>()));
    CHECK(line["distance"].get<double>() > 0);
  }
  for (const char* key : {"gradient_norm", "gradient_snr", "distance"}) CHECK(all.back()[key] == result[key]);
  CHECK(all[0]["gradient_snr"] != all[1]["gradient_snr"]);
  CHECK(all[0]["distance"] != all[1]["distance"]);
  CHECK(result["steps_to_learn"].is_null());
  CHECK(result["samples_to_learn"].is_null());
}

TEST_CASE("measures: how far the first layer has found a planted plane, where there is one") {
  const Folder f;
  accepted(f, {"train", "gnn-feature", "--d", "4", "--k", "2", "--width", "32", "--steps", "800", "--eval-every",
               "100", "--test-samples", "500", "--threads", "1", "--out", "run", "-q"});
  const auto all = metrics(f, "run");
  CHECK(all.front()["overlap"].get<double>() == doctest::Approx(0.5).epsilon(0.4));
  CHECK(all.back()["overlap"].get<double>() > all.front()["overlap"].get<double>());
  CHECK(result_of(f, "run")["overlap"] == all.back()["overlap"]);
  accepted(f, measured({"--out", "none", "--eval-every", "10"}));
  CHECK(!result_of(f, "none").contains("overlap"));
}

TEST_CASE("measures: they do not depend on threads, on how often they are taken, or on an interruption") {
  const Folder f;
  accepted(f, measured({"--out", "one", "--eval-every", "10"}));
  accepted(f, measured({"--out", "three", "--eval-every", "10", "--threads", "3"}));
  same_run(f, "one", f, "three");
  // A line every step says the same as the lines that a line every ten steps has, and trains the same model.
  accepted(f, measured({"--out", "every", "--eval-every", "1"}));
  const auto sparse = metrics(f, "one"), dense = metrics(f, "every");
  REQUIRE(dense.size() == 40);
  for (std::size_t i = 0; i < sparse.size(); ++i) CHECK(sparse[i] == dense[10 * i + 9]);
  // Ended, and gone on with: the line at the old end is made from what the checkpoint holds.
  for (const char* steps : {"20", "27", "40"})
    accepted(f, measured({"--out", "grown", "--eval-every", "10", "--schedule", "constant", "--steps", steps,
                          "--resume"}));
  accepted(f, measured({"--out", "whole", "--eval-every", "10", "--schedule", "constant"}));
  CHECK(metrics(f, "grown") == metrics(f, "whole"));
  CHECK(without_time(f.read("grown/result.json")) == without_time(f.read("whole/result.json")));
}

TEST_CASE("measures: without a rate nothing moves; a step of plain descent goes rate times the gradient") {
  const Folder f;
  accepted(f, measured({"--out", "still", "--optimizer", "sgd", "--lr", "0", "--eval-every", "10"}));
  for (const Json& line : metrics(f, "still")) CHECK(line["distance"] == 0.0);
  accepted(f, measured({"--out", "step", "--optimizer", "sgd", "--lr", "0.5", "--steps", "1", "--dtype", "f64",
                        "--schedule", "constant"}));
  const Json r = result_of(f, "step");
  CHECK(r["distance"].get<double>() == doctest::Approx(0.5 * r["gradient_norm"].get<double>()).epsilon(1e-12));
}

TEST_CASE("measures: a batch of one shard has no noise to estimate, and says null") {
  const Folder f;
  accepted(f, tiny({"--out", "run"}));
  for (const Json& line : metrics(f, "run")) {
    CHECK(line["gradient_snr"].is_null());
    CHECK(line["gradient_norm"].get<double>() > 0);
  }
  CHECK(result_of(f, "run")["gradient_snr"].is_null());
}

TEST_CASE("measures: a run that diverges has null for what is not finite") {
  const Folder f;
  accepted(f, measured({"--out", "run", "--optimizer", "sgd", "--lr", "1e30"}));
  const Json r = result_of(f, "run");
  CHECK(r["verdict"] == "diverged");
  CHECK(r["gradient_snr"].is_null());
  CHECK(r["distance"].is_null());
  CHECK(r["steps_to_learn"].is_null());
}

TEST_CASE("measures: steps_to_learn is the first evaluation at the threshold, over any interruption") {
  const Folder f;
  accepted(f, learning({"--out", "run"}));
  const Json r = result_of(f, "run");
  REQUIRE(r["verdict"] == "learned");
  std::uint64_t first = 0;
  for (const Json& line : metrics(f, "run"))
    if (first == 0 && line["normalized_test_loss"].get<double>() <= 0.05) first = line["step"].get<std::uint64_t>();
  CHECK(first > 20);
  CHECK(first < 600);
  CHECK(r["steps_to_learn"] == first);
  CHECK(r["samples_to_learn"] == first * 32);
  // With the threshold out of reach it is null, with the threshold at everything the first line.
  accepted(f, learning({"--out", "never", "--learned-below", "1e-9", "--steps", "60"}));
  CHECK(result_of(f, "never")["steps_to_learn"].is_null());
  accepted(f, learning({"--out", "at-once", "--learned-below", "1e9", "--fails-from", "2e9", "--steps", "60"}));
  CHECK(result_of(f, "at-once")["steps_to_learn"] == 20);
  // Only the final test sees it: that counts, but not for a run that goes on from there.
  accepted(f, learning({"--out", "end", "--learned-below", "1e9", "--fails-from", "2e9", "--steps", "15"}));
  CHECK(result_of(f, "end")["steps_to_learn"] == 15);
  accepted(
      f, learning({"--out", "end", "--learned-below", "1e9", "--fails-from", "2e9", "--steps", "60", "--resume"}));
  CHECK(result_of(f, "end")["steps_to_learn"] == 20);
  // Learned before the cut, and still known after it.
  accepted(f, learning({"--out", "cut", "--steps", std::to_string(first + 1)}));
  accepted(f, learning({"--out", "cut", "--resume"}));
  CHECK(result_of(f, "cut")["steps_to_learn"] == first);
}

TEST_CASE("measures: stopping where it has learned, a run says the same step") {
  const Folder f;
  accepted(f, learning({"--out", "run", "--steps", "400"}));
  const Json r = result_of(f, "run");
  REQUIRE(r["steps_to_learn"].is_number());
  accepted(f, learning({"--out", "stopped", "--steps", "400", "--stop-at-loss", "0.05"}));
  const Json s = result_of(f, "stopped");
  CHECK(s["steps_to_learn"] == r["steps_to_learn"]);
  CHECK(s["steps"] == r["steps_to_learn"]);
}

}  // namespace test_measures
