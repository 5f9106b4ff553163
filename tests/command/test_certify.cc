// eqnn certify: every layer of the library, models, trained runs, and a network that is not symmetric.
#include <doctest/doctest.h>

#include <cmath>
#include <set>

#include "support/command.h"
#include "support/sanitized.h"

namespace test_certify {

using namespace cli;

namespace {
bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }
}  // namespace

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
                           "egnn-positions-3", "gine-layer", "graph-norm", "gnn", "cnn", "egnn", "labelled-egnn",
                           "pca-mlp", "canonical-mlp", "weighted-mlp"})
    CHECK(names.count(name) == 1);
  for (const char* name : {"tfn", "tensor-field-vectors", "tensor-field-points"}) CHECK(names.count(name) == 1);
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
  refused(f, {"certify", "--model", "mpl"}, 2, "which is no layer or model; the nearest is 'mlp'");
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

TEST_CASE("certify: networks of clouds under 1,000 random rotations, and what they do at degenerate clouds") {
  const Folder f;
  const int rotations = kSanitized ? 20 : 1000;
  for (const std::string model : {"pca-mlp", "weighted-mlp"}) {
    const Json r =
        Json::parse(accepted(f, {"certify", "--model", model, "--rotations", std::to_string(rotations), "--json"}));
    CHECK(r["certificates"].size() == 16);  // two dimensions, four groups, two types
    for (const Json& c : r["certificates"]) {
      INFO(c.dump());
      CHECK(c["elements"].get<int>() >= rotations + 2);
      REQUIRE(c["degenerate"].size() == 4);
      const Json& equal = c["degenerate"][0];
      CHECK(equal["cloud"] == "equal singular values");
      CHECK(equal["defined"] == (model == "weighted-mlp"));
      if (model == "pca-mlp") CHECK(equal["error"] > 1e-3);
      if (model == "weighted-mlp")
        for (const Json& cloud : c["degenerate"])
          CHECK(cloud["error"].get<double>() <= c["tolerance"].get<double>());
    }
  }
  const std::string text = accepted(f, {"certify", "--model", "canonical-mlp", "--dtype", "f64"});
  CHECK(contains(text, "equal singular values: the frame is undefined, and the value changes by"));
  CHECK(contains(text, "points in the origin: the frame is undefined, and the value changes by 0.0e+00"));
  refused(f, {"certify", "--model", "gnn", "--rotations", "5"}, 2, "--rotations is 5 and would have no effect");
}

TEST_CASE("certify: a tensor field network under 1,000 random rotations, in three dimensions, and without jumps") {
  const Folder f;
  const int rotations = kSanitized ? 20 : 1000;
  const Json r =
      Json::parse(accepted(f, {"certify", "--model", "tfn", "--rotations", std::to_string(rotations), "--json"}));
  REQUIRE(r["certificates"].size() == 2);
  for (const Json& c : r["certificates"]) {
    INFO(c.dump());
    CHECK(c["group"] == "SE(3)");
    CHECK(c["undefined"] == 0);
    CHECK(c["elements"].get<int>() >= rotations + 6);
    CHECK(c["degenerate"].size() == 4);
  }
  accepted(f, {"certify", "--continuity", "--model", "tfn"});
  refused(f, {"train", "rotation-invariant", "--d", "3", "--model", "tfn"}, 2,
          "--model tfn does not see which point is which");
}

TEST_CASE("certify: trained networks of clouds under their own group") {
  const Folder f;
  const auto run = [&](const std::string& model, std::vector<std::string> more = {}) {
    std::vector<std::string> args{"train",   "rotation-invariant",
                                  "--n",     "4",
                                  "--d",     "3",
                                  "--k",     "2",
                                  "--model", model,
                                  "-q",      "--steps",
                                  "20",      "--batch",
                                  "8",       "--width",
                                  "8",       "--test-samples",
                                  "20",      "--out",
                                  model};
    args.insert(args.end(), more.begin(), more.end());
    accepted(f, args);
  };
  const std::vector<std::pair<std::string, std::string>> groups = {
      {"labelled-egnn", "O(3)"}, {"canonical-mlp", "O(3)"}, {"pca-mlp", "O(3)"}, {"weighted-mlp", "SO(3)"}};
  for (const auto& [model, group] : groups) {
    run(model, group == "SO(3)" ? std::vector<std::string>{"--frame-group", "SO"} : std::vector<std::string>{});
    const Json c = Json::parse(accepted(f, {"certify", model, "--rotations", "20", "--json"}))["certificates"][0];
    INFO(c.dump());
    CHECK(c["group"] == group);
    CHECK(c["elements"].get<int>() >= 26);
    CHECK(c["degenerate"].size() == 4);
  }
  run("mlp");
  CHECK(Json::parse(accepted(f, {"certify", "mlp", "--json"}, 4))["pass"] == false);
  refused(f, {"train", "rotation-invariant", "--model", "egnn"}, 2, "take labelled-egnn");
  refused(f, {"train", "rotation-invariant", "--model", "pca-mlp", "--d", "5"}, 2,
          "needs points in 2 or 3 dimensions");
  refused(f, {"train", "rotation-invariant", "--model", "mlp", "--frame-group", "SO"}, 2, "--model pca-mlp");
  CHECK(Json::parse(accepted(f, {"certify", "pca-mlp", "--continuity", "--json"}, 4))["continuous"] == false);
  const Json smooth = Json::parse(accepted(f, {"certify", "weighted-mlp", "--continuity", "--json"}));
  CHECK(smooth["continuous"] == true);
  CHECK(smooth["paths"][0]["group"] == "SO(3)");
}

TEST_CASE("certify --continuity: frames of principal axes jump where singular values meet, weighted ones nowhere") {
  if (kSanitized) return;  // thousands of frames, of which one would find what all do
  const Folder f;
  const Json r = Json::parse(accepted(f, {"certify", "--continuity", "--json"}, 4));
  std::set<std::string> jump;
  for (const Json& c : r["paths"]) {
    INFO(c.dump());
    const bool jumps = c["verdict"] == "jumps";
    if (jumps) jump.insert(c["name"].get<std::string>() + " " + c["path"].get<std::string>());
    // At a step of 1e-7 what is continuous has no difference left to speak of, and what jumps has all of it.
    const double last = c["jumps"][6], before = c["jumps"][4];
    if (jumps)
      CHECK(std::abs(last / before - 1) < 0.5);
    else
      CHECK(last < 1e-5);
  }
  CHECK(jump == std::set<std::string>{"pca-mlp equal singular values", "canonical-mlp equal singular values",
                                      "canonical-mlp tied entries"});
  accepted(f, {"certify", "--continuity", "-o", "jumps.csv"}, 4);
  refused(f, {"certify", "--continuity", "-o", "jumps.csv"}, 2, "give --force");
  refused(f, {"certify", "--continuity", "-o", "jumps.txt"}, 2, ".svg, .pdf or .png");
  refused(f, {"certify", "-o", "jumps.svg"}, 2, "give --continuity");
  refused(f, {"certify", "--continuity", "--model", "gnn"}, 2, "networks of clouds");
  refused(f, {"certify", "--continuity", "--rotations", "5"}, 2, "no effect with --continuity");
}

}  // namespace test_certify
