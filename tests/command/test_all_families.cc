// Every family through the command: certificates at several settings, data files that are sound or altered, a short
// run of the default network and of its control, and the symmetry of what was trained.
#include <doctest/doctest.h>
#include <eqnn/io/npz.h>

#include "support/command.h"
#include "support/sanitized.h"

namespace test_all_families {

using namespace cli;

namespace {

struct FamilyCase {
  std::string id;
  Arguments flags;
};

// The defaults first, then other settings of each.
const std::vector<FamilyCase> kSettings = {
    {"boolean-orbit", {}},
    {"boolean-orbit", {"--n", "12"}},
    {"boolean-orbit", {"--group", "symmetric", "--n", "16"}},
    {"boolean-orbit", {"--group", "adjacency", "--n", "9"}},
    {"gnn-degree-parity", {}},
    {"gnn-degree-parity", {"--n", "4"}},
    {"gnn-degree-parity", {"--n", "8", "--self-loops"}},
    {"gnn-degree-parity", {"--n", "32"}},
    {"gnn-degree-parity", {"--edge-probability", "0.1"}},
    {"gnn-feature", {}},
    {"gnn-feature", {"--n", "6", "--graph", "er", "--d", "12", "--k", "4"}},
    {"gnn-feature", {"--graph", "empty", "--k", "2"}},
    {"gnn-feature", {"--graph", "complete", "--n", "5", "--k", "4"}},
    {"gnn-feature", {"--n", "4", "--d", "12", "--k", "4", "--input-dim", "4"}},
    {"cnn-cyclic", {}},
    {"cnn-cyclic", {"--n", "16", "--k", "4"}},
    {"cnn-cyclic", {"--n", "9", "--d", "3", "--k", "2"}},
    {"cnn-cyclic", {"--n", "32", "--k", "4", "--c-min", "0.8"}},
    {"cnn-cyclic", {"--n", "9", "--k", "2", "--input-dim", "4"}},
    {"frame-parity", {}},
    {"frame-parity", {"--frame", "cyclic", "--n", "16", "--k", "4"}},
    {"frame-parity", {"--frame", "none", "--n", "12", "--k", "4"}},
    {"frame-parity", {"--n", "8", "--k", "2"}},
    {"invariant-poly", {}},
    {"invariant-poly", {"--generators", "sign", "--r", "12", "--degree", "3", "--terms", "2"}},
    {"invariant-poly", {"--generators", "cyclic", "--r", "9", "--degree", "2", "--terms", "4"}},
    {"invariant-poly", {"--m", "3", "--r", "10", "--degree", "3", "--terms", "3"}},
    {"rotation-invariant", {}},
    {"rotation-invariant", {"--n", "6", "--d", "2", "--k", "4"}},
    {"rotation-invariant", {"--n", "6", "--k", "4", "--input-dim", "3"}},
    {"rotation-invariant", {"--n", "5", "--d", "4", "--k", "2", "-q"}},
    {"rotation-invariant", {"--n", "8", "--d", "1"}},
    {"staircase", {}},
    {"staircase", {"--generators", "cyclic", "--r", "20", "--degree", "3", "--leap", "2"}},
    {"staircase", {"--generators", "sign", "--r", "20", "--leap", "4"}}};

bool is_first(std::size_t i) { return i == 0 || kSettings[i].id != kSettings[i - 1].id; }

}  // namespace

TEST_CASE("all families: check passes at the defaults and at other settings, with and without --members") {
  const Folder f;
  for (std::size_t i = 0; i < kSettings.size(); ++i) {
    // Under sanitizers the library's tests make these checks of every family, on fewer inputs.
    if (kSanitized && i > 0) continue;
    const FamilyCase& s = kSettings[i];
    const Json r = Json::parse(accepted(f, Arguments{"families", "check", s.id, "--json", "-q"} + s.flags));
    INFO(s.id, " ", r.dump());
    CHECK(r["pass"] == true);
    CHECK(r["checks"].size() >= 5);
    if (!is_first(i) || kSanitized) continue;
    const Json many =
        Json::parse(accepted(f, Arguments{"families", "check", s.id, "--json", "-q", "--members", "8"}));
    CHECK(many["pass"] == true);
  }
}

TEST_CASE("all families: a data file is certified, and one altered label is exit 4") {
  const Folder f;
  for (std::size_t i = 0; i < kSettings.size(); ++i) {
    if (!is_first(i)) continue;
    const std::string& id = kSettings[i].id;
    INFO(id);
    accepted(f, {"families", "sample", id, "--count", "40", "--seed", "3", "--out", id + ".npz", "-q"});
    const Arguments check{"families", "check", id, "--member", id + ".member.json", "-q", "--in"};
    accepted(f, check + Arguments{id + ".npz"});
    auto arrays = eqnn::read_npz(f / (id + ".npz"));
    std::vector<double> y = eqnn::as_doubles(arrays.at("y"));
    y[17] = y[17] == 0 ? 1 : -y[17];
    arrays.at("y") = eqnn::npy_array<double>({40}, y);
    eqnn::write_npz(f / "altered.npz", arrays);
    CHECK(f.run(check + Arguments{"altered.npz"}).code == 4);
    accepted(f,
             {"families", "eval", id, "--member", id + ".npz", "--in", id + ".npz", "--out", id + ".y.npz", "-q"});
    CHECK(eqnn::as_doubles(eqnn::read_npz(f / (id + ".y.npz")).at("y")) ==
          eqnn::as_doubles(eqnn::read_npz(f / (id + ".npz")).at("y")));
  }
}

TEST_CASE("all families: the default network trains on target and control, and is symmetric as its target is") {
  const Folder f;
  for (std::size_t i = 0; i < kSettings.size(); ++i) {
    if (!is_first(i)) continue;
    const std::string& id = kSettings[i].id;
    INFO(id);
    const Arguments quick{"--steps",        "20",  "--batch", "16",    "--width", "16",
                          "--test-samples", "200", "-q",      "--json"};
    const Json r = Json::parse(lines(accepted(f, Arguments{"train", id, "--out", id} + quick)).back());
    CHECK(r["family"] == id);
    CHECK(r["parameters"].get<int>() > 16);
    accepted(f, Arguments{"train", id, "--control", "--out", id + ".control"} + quick);
    const Json c = Json::parse(accepted(f, {"certify", id, "--json"}));
    CHECK(c["pass"] == true);
    CHECK(c["certificates"][0]["compared"].get<int>() > 10);
  }
}

TEST_CASE("all families: a target that any network can fit is learned, on its default network") {
  const Folder f;
  const Json easy = Json::parse(lines(accepted(f, {"train", "frame-parity", "--n", "8", "--k", "2", "--steps",
                                                   "1500", "-q", "--out", "easy", "--json", "--expect", "learned"}))
                                    .back());
  CHECK(easy["verdict"] == "learned");
}

}  // namespace test_all_families
