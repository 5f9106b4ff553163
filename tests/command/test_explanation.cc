// What a run that did not learn says of the bounds of its family.
#include <doctest/doctest.h>
#include <eqnn/core/check.h>

#include <algorithm>
#include <cmath>

#include "support/command.h"

namespace test_explanation {

using namespace cli;
using eqnn::concat;

namespace {

Json explanation(const Folder& f, const std::string& run, const Arguments& more) {
  accepted(f, Arguments{"train", "--out", run, "-q"} + more);
  return Json::parse(f.read(run + "/result.json")).value("explanation", Json());
}

const Arguments kShort = {"gnn-feature", "--d",     "12", "--width",        "8",  "--steps",
                          "10",          "--batch", "16", "--test-samples", "500"};

}  // namespace

TEST_CASE("explanation: queries asked beside the bounds at a batch's tolerance and at the run's") {
  const Folder f;
  const Json e = explanation(f, "fresh", kShort), r = Json::parse(f.read("fresh/result.json"));
  CHECK(e["asked"] == 10 * r["parameters"].get<double>());
  CHECK(e["batch_tau"] == doctest::Approx(0.25));
  CHECK(e["run_tau"] == doctest::Approx(1 / std::sqrt(160.0)));
  CHECK(e["explains"] == (e["run_queries"].get<double>() > e["asked"].get<double>()));
  for (const char* which : {"batch", "run"}) {
    const std::string tau = e[concat(which, "_tau")].dump();
    const Json b = Json::parse(
        accepted(f, {"bound", "gnn-feature", "--d", "12", "--tau", tau, "--members", "0", "--json", "-q"}));
    double most = 0;
    for (const Json& one : b["bounds"]) most = std::max(most, one["queries"].get<double>());
    CHECK(e[concat(which, "_queries")].get<double>() == doctest::Approx(most));
  }
  // A fixed set that is gone through once is as good as fresh examples.
  CHECK(explanation(f, "fixed", kShort + Arguments{"--samples", "100000"})["run_tau"] == e["run_tau"]);
  CHECK(accepted(f, Arguments{"train", "--out", "shown", "-q"} + kShort).find("explained              by ") !=
        std::string::npos);
}

TEST_CASE("explanation: an oracle's bound is at its own tolerance, and may explain") {
  const Folder f;
  const Json e = explanation(
      f, "o", kShort + Arguments{"--d", "64", "--oracle", "csq", "--tau", "0.5", "--oracle-samples", "256"});
  CHECK(e["oracle_tau"] == 0.5);
  CHECK(e["asked"] == Json::parse(f.read("o/result.json"))["queries"]);
  CHECK(e["explains"] == true);
  CHECK(!e.contains("run_tau"));
  // For the squared error sq asks the same queries, with a wider tolerance.
  const Json sq = explanation(
      f, "sq", kShort + Arguments{"--d", "64", "--oracle", "sq", "--tau", "0.5", "--oracle-samples", "256"});
  CHECK(sq["oracle_queries"] == e["oracle_queries"]);
}

TEST_CASE("explanation: no bound is claimed for what it is not about") {
  const Folder f;
  const Arguments oracle = {"--oracle", "csq", "--tau", "0.5", "--oracle-samples", "256", "--answer"};
  const std::vector<std::pair<Arguments, const char*>> cases = {
      {oracle + Arguments{"exact"}, "tells more"}, {oracle + Arguments{"sampled"}, "tells more"},
      {{"--loss", "huber"}, "this loss"},          {{"--reuse", "2"}, "trained on"},
      {{"--samples", "50"}, "trained on"},         {{"--label-transform", "square"}, "transformed labels"},
      {{"--control", "--lr", "1e-6"}, "control"}};
  int number = 0;
  for (const auto& [flags, word] : cases) {
    const Json e = explanation(f, concat("run", ++number), kShort + flags);
    INFO(e.dump());
    CHECK(e["no_bound"].get<std::string>().find(word) != std::string::npos);
    CHECK(e["explains"] == false);
  }
  // Nothing where it is learned.
  CHECK(explanation(f, "learned", kShort + Arguments{"--learned-below", "50", "--fails-from", "60"}).is_null());
}

}  // namespace test_explanation
