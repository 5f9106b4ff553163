// eqnn certify: every layer of the library, models, trained runs, and a network that is not symmetric.
#include <doctest/doctest.h>

#include <set>

#include "support/command.h"

namespace test_certify {

using namespace cli;

TEST_CASE(
    "certify: every layer and model is symmetric, in float and double, and frames without a gap are counted") {
  const Folder f;
  const Json all = Json::parse(accepted(f, {"certify", "--json"}));
  CHECK(all["pass"] == true);
  std::set<std::string> names;
  bool undefined = false;
  for (const Json& c : all["certificates"]) {
    INFO(c.dump());
    CHECK(c["verdict"] == "pass");
    CHECK(c["tolerance"] == (c["dtype"] == "f32" ? 1e-5 : 1e-12));
    CHECK(c["error"].get<double>() <= c["tolerance"].get<double>());
    CHECK(c["compared"].get<int>() == c["elements"].get<int>() * c["inputs"].get<int>());
    undefined |= c["undefined"].get<int>() > 0;
    names.insert(c["name"]);
  }
  CHECK(undefined);
  for (const char* name : {"message-passing-centred", "cyclic-convolution-spectral-50", "torus-convolution-direct",
                           "group-convolution-S4", "group-average-D5", "frame-sort-absolute", "pca-frame-E3",
                           "egnn-positions-3", "gine-layer", "graph-norm", "gnn", "cnn", "egnn"})
    CHECK(names.count(name) == 1);
  CHECK(names.count("mlp") == 0);
}

TEST_CASE("certify: a network without the symmetry fails, with the input and the element that show it") {
  const Folder f;
  const Json r = Json::parse(accepted(f, {"certify", "--model", "mlp", "--dtype", "f64", "--json"}, 4));
  CHECK(r["pass"] == false);
  const Json& c = r["certificates"][0];
  CHECK(c["verdict"] == "FAIL");
  CHECK(c["error"].get<double>() > 1e-3);
  CHECK(c["witness"]["element"].get<std::string>().starts_with("("));
  CHECK(c["witness"]["input"]["x"]["values"].size() == 12);
  CHECK(accepted(f, {"certify", "--model", "mlp"}, 4).find("witness: element (") != std::string::npos);
  refused(f, {"certify", "--model", "mpl"}, 2, "the nearest layer or model is 'mlp'");
  refused(f, {"certify", "nowhere"}, 3, "no such run directory");
  refused(f, {"certify", "run", "--model", "gnn"}, 2, "exclude each other");
}

TEST_CASE("certify: a trained graph network passes, a trained mlp does not") {
  const Folder f;
  accepted(f, tiny({"--out", "gnn", "-q"}));
  const Json good = Json::parse(accepted(f, {"certify", "gnn", "--json"}));
  CHECK(good["pass"] == true);
  CHECK(good["certificates"][0]["compared"].get<int>() >= 20);
  accepted(f, tiny({"--out", "mlp", "--model", "mlp", "-q"}));
  CHECK(Json::parse(accepted(f, {"certify", "mlp", "--json"}, 4))["pass"] == false);
}

}  // namespace test_certify
