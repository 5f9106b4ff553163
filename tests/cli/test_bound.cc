// eqnn bound and eqnn gradvar.
#include <doctest/doctest.h>

#include <cmath>
#include <set>

#include "command.h"

using namespace cli;

namespace {

Json bounds(const Folder& f, const Arguments& arguments) {
  return Json::parse(accepted(f, Arguments{"bound"} + arguments + Arguments{"--json", "-q"}));
}

}  // namespace

TEST_CASE("bound: the specification's instances, every field, and the file") {
  const Folder f;
  const std::vector<std::pair<Arguments, double>> instances = {
      {{"boolean-orbit", "--n", "24"}, 6990},
      {{"gnn-degree-parity", "--n", "64"}, 10338},
      {{"gnn-feature", "--d", "50", "--k", "4"}, 2914.5},
      {{"cnn-cyclic", "--n", "32", "--k", "4", "--c-min", "0.8"}, 12},
      {{"frame-parity", "--n", "32", "--k", "4"}, 358.6},
      {{"invariant-poly", "--r", "50", "--degree", "4"}, 2302},
  };
  for (const auto& instance : instances) {
    const Json j = bounds(f, instance.first + Arguments{"--tau", "0.1", "--members", "0"});
    INFO(j.dump());
    CHECK(j["family"] == instance.first[0]);
    CHECK(j["tau"] == 0.1);
    CHECK(j["prob"] == 1);
    CHECK(std::abs(j["bounds"][0]["queries"].get<double>() - instance.second) <= 0.5);
    std::set<std::string> names;
    for (const Json& b : j["bounds"]) {
      for (const char* key : {"kind", "name", "statement", "assumes", "source"})
        CHECK(!b[key].get<std::string>().empty());
      CHECK(b["vacuous"] == (b["queries"].get<double>() <= 1));
      CHECK(b["error"].get<double>() >= 0);
      CHECK(names.insert(b["name"]).second);
    }
  }
  const Arguments small = {"rotation-invariant", "--n", "6", "--k", "2", "--tau", "0.25", "--members", "8"};
  const Json printed = bounds(f, small + Arguments{"--out", "dir/here"});
  CHECK(Json::parse(f.read("dir/here/bounds.json")) == printed);
  CHECK(printed["params"]["n"] == 6);
  CHECK(printed["bounds"].size() == 6);
  refused(f, Arguments{"bound"} + small + Arguments{"--out", "dir/here"}, 2, "--force");
  CHECK(bounds(f, small + Arguments{"--out", "dir/here", "--force", "--threads", "3"}) == printed);
  const std::string text = accepted(f, Arguments{"bound", "-q"} + small);
  for (const char* part : {"B1 second moment", "(vacuous)", "says ", "assumes ", "source "})
    CHECK(text.find(part) != std::string::npos);
}

TEST_CASE("bound: --prob scales, --batch is a tolerance, and tau has its range") {
  const Folder f;
  const auto first = [&](const Arguments& more) {
    return bounds(f, Arguments{"gnn-feature", "--members", "0"} + more)["bounds"][0]["queries"].get<double>();
  };
  const double all = first({"--tau", "0.125"});
  CHECK(first({"--tau", "0.125", "--prob", "0.5"}) == doctest::Approx((all + 1) / 2 - 1));
  CHECK(first({"--batch", "64"}) == doctest::Approx(all));
  CHECK(bounds(f, {"gnn-feature", "--members", "0", "--batch", "64"})["batch"] == 64);
  CHECK(accepted(f, {"bound", "gnn-feature", "--members", "0", "--batch", "64", "-q"})
            .find("no bound holds for "
                  "sampled gradients") != std::string::npos);
  const auto no = [&](const Arguments& more, const std::string& says) {
    refused(f, Arguments{"bound", "gnn-feature"} + more, 2, says);
  };
  no({}, "--tau is missing");
  for (const char* tau : {"0", "-0.1", "1.01", "nan", "big"}) no({std::string("--tau=") + tau}, "--tau");
  no({"--tau", "0.1", "--batch", "64"}, "exclude each other");
  no({"--tau", "0.1", "--prob", "0"}, "--prob");
  no({"--tau", "0.1", "--prob", "1.5"}, "--prob");
  no({"--batch", "0"}, "--batch");
  no({"--tau", "0.1", "--members", "1"}, "--members is 1");
  no({"--tau", "0.1", "--members", "1001"}, "0 to 1000");
  no({"--tau", "0.1", "--k", "3"}, "k must be even");
  no({"--tau", "0.1", "--group", "cyclic"}, "not a parameter of gnn-feature");
  refused(f, {"bound", "gnn-featur", "--tau", "0.1"}, 2, "'gnn-feature'");
  refused(f, {"bound", "--tau", "0.1"}, 2, "ID");
  f.write("file", "");
  refused(f, {"bound", "gnn-feature", "--tau", "0.1", "-q", "--members", "0", "--out", "file"}, 3, "no folder");
}
