// eqnn bound and eqnn gradvar.
#include <doctest/doctest.h>

#include <cmath>
#include <set>

#include "support/command.h"

namespace test_bound {

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
  CHECK(printed["bounds"].size() == 8);
  CHECK(printed["lambda"]["lower"].get<double>() > 0);
  CHECK(printed["lambda"]["lower"].get<double>() <=
        printed["lambda"]["upper"].get<double>() + 5 * printed["lambda"]["lower_error"].get<double>());
  refused(f, Arguments{"bound", "-q"} + small + Arguments{"--out", "dir/here"}, 2, "--force");
  CHECK(bounds(f, small + Arguments{"--out", "dir/here", "--force", "--threads", "3"}) == printed);
  const std::string text = accepted(f, Arguments{"bound", "-q"} + small);
  for (const char* part :
       {"B1 second moment", "(vacuous)", "says ", "assumes ", "source ", "B5 tail", "lambda, what one query"})
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

TEST_CASE("gradvar: a family that carries no signal beside its control, the same for any number of threads") {
  const Folder f;
  const Arguments few = {"gradvar",      "gnn-degree-parity",
                         "--n",          "12",
                         "--width",      "8",
                         "--depth",      "1",
                         "--head-width", "8",
                         "--steps",      "40",
                         "--points",     "0,20",
                         "--members",    "12",
                         "--samples",    "1024",
                         "--json",       "-q"};
  const Json j = Json::parse(accepted(f, few + Arguments{"--threads", "1", "--out", "dir"}));
  CHECK(j["family"] == "gnn-degree-parity");
  CHECK(j["model"] == "gnn");
  CHECK(j["params"]["n"] == 12);
  CHECK(j["parameters"].get<int>() > 0);
  CHECK(j["lambda"].get<double>() > 0);
  REQUIRE(j["points"].size() == 2);
  for (const Json& p : j["points"]) {
    INFO(p.dump());
    const auto at = [&](const char* key) { return p[key].get<double>(); };
    CHECK(std::abs(at("variance")) <= at("bound") + 5 * at("error"));
    CHECK(std::abs(at("signal")) <= at("bound") + 5 * at("signal_error"));
    CHECK(std::abs(at("variance")) <= 3 * at("error"));
    CHECK(at("error") > 0);
    CHECK(at("network_gradient_sq") > 0);
    // The count shows; of the parity 1,024 inputs show nothing but noise about 0.
    CHECK(at("control_variance") > 2.5 * at("control_error"));
    CHECK(at("control_variance") > 4 * std::abs(at("variance")));
    CHECK(at("control_signal") > 4 * std::abs(at("signal")));
  }
  CHECK(j["points"][0]["step"] == 0);
  CHECK(j["points"][1]["step"] == 20);
  CHECK(j["points"][0]["bound"] != j["points"][1]["bound"]);
  CHECK(Json::parse(f.read("dir/gradvar.json")) == j);
  CHECK(Json::parse(accepted(f, few + Arguments{"--threads", "3"})) == j);
  refused(f, few + Arguments{"--out", "dir"}, 2, "--force");
}

TEST_CASE("gradvar: every family's default network, and boolean-orbit's control, one function for all members") {
  const Folder f;
  const std::vector<Arguments> small = {{"boolean-orbit", "--n", "6"},
                                        {"gnn-degree-parity", "--n", "6"},
                                        {"gnn-feature", "--n", "4", "--d", "6", "--k", "4"},
                                        {"cnn-cyclic", "--n", "8", "--k", "4"},
                                        {"frame-parity", "--n", "6", "--k", "2", "--frame", "none"},
                                        {"invariant-poly", "--r", "6", "--degree", "2", "--terms", "2"},
                                        {"rotation-invariant", "--n", "5", "--d", "2", "--k", "2"}};
  for (const Arguments& s : small) {
    const Json j = Json::parse(accepted(
        f, Arguments{"gradvar"} + s +
               Arguments{"--width", "8", "--points", "0", "--members", "3", "--samples", "64", "--json", "-q"}));
    const Json& p = j["points"][0];
    INFO(j.dump());
    for (const char* key : {"variance", "signal", "bound", "control_variance", "control_signal"})
      CHECK(p[key].is_number());
    if (s[0] == "boolean-orbit") {
      CHECK(std::abs(p["control_variance"].get<double>()) < 1e-6 * p["control_signal"].get<double>());
      CHECK(p["control_signal"].get<double>() > 0);
    }
  }
  const std::string text = accepted(f, {"gradvar", "gnn-feature", "--n", "4", "--d", "6", "--k", "4", "--width",
                                        "8", "--points", "0", "--members", "3", "--samples", "64", "-q"});
  CHECK(text.find("control variance") != std::string::npos);
  CHECK(text.find("lambda = 1 / dim H_4(R^6)") != std::string::npos);
}

TEST_CASE("gradvar: what is refused") {
  const Folder f;
  const auto no = [&](const Arguments& more, const std::string& says) {
    refused(f, Arguments{"gradvar", "gnn-feature", "-q", "--out", "dir"} + more, 2, says);
  };
  no({"--members", "2"}, "--members");
  no({"--samples", "63"}, "--samples");
  no({"--samples", "65"}, "a multiple of 8");
  no({"--points", "5,3"}, "ascending");
  no({"--points", "0,,3"}, "--points");
  no({"--points", "0,x"}, "--points");
  no({"--steps", "10", "--points", "0,11"}, "0 to 10");
  no({"--loss", "cross-entropy"}, "mse");
  no({"--dropout", "0.1"}, "--dropout");
  no({"--k", "3"}, "k must be even");
  no({"--test-samples", "5"}, "not a flag");
  no({"--model", "egnn"}, "");
  refused(f, {"gradvar", "gnn-featur"}, 2, "'gnn-feature'");
  refused(f, {"gradvar"}, 2, "ID");
}

}  // namespace test_bound
