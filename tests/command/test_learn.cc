// eqnn learn: every learner on every family it has, on the samples that train sees; result, run directory, oracles,
// and what is refused.
#include <doctest/doctest.h>

#include <map>
#include <set>

#include <cmath>

#include "support/command.h"

namespace test_learn {

using namespace cli;

namespace {

Arguments learn(const std::string& family, const Arguments& more) {
  return Arguments{"learn", family, "-q", "--test-samples", "1000", "--threads", "1"} + more;
}
Json result(const Folder& f, const std::string& family, const Arguments& more) {
  return Json::parse(accepted(f, learn(family, more + Arguments{"--json"})));
}

const Arguments kSmallPoly = {"--r", "8", "--degree", "3", "--terms", "2", "--samples", "8000"};

}  // namespace

TEST_CASE("learn gf2: degree parities from 10 n graphs, by default") {
  const Folder f;
  for (const char* seed : {"0", "1", "2"}) {
    const Json r = result(f, "gnn-degree-parity", {"--n", "16", "--seed", seed, "--expect", "learned"});
    CHECK(r["algorithm"] == "gf2");
    CHECK(r["samples"] == 160);
    CHECK(r["samples_seen"] == 160);
    CHECK(r["test_accuracy"].get<double>() >= 0.95);
    CHECK(r["normalized_train_loss"] == 0);
    CHECK(r["verdict"] == "learned");
    CHECK(r["queries"].is_null());
    CHECK(r["model"].is_null());
    CHECK(r["optimizer"].is_null());
    CHECK(r["learner"]["rank"].get<int>() + r["learner"]["free_directions"].get<int>() == 16);
    // What was found is a member file, and the exact error is that of its values.
    f.write("found.json", r["recovered"].dump());
    const Json again =
        result(f, "gnn-degree-parity", {"--member", "found.json", "--data-seed", seed, "--samples", "3000"});
    CHECK(again["params"]["n"] == 16);
    CHECK((again["exact"] == true || again["learner"]["free_directions"] != 0));
  }
  // Without labels to tell S from its complement.
  f.write("m.json", R"({"n": 5, "self_loops": false, "S": [1, 4, 5], "b": 1})");
  const Json r = result(f, "gnn-degree-parity", {"--member", "m.json", "--samples", "2000"});
  CHECK(r["exact"] == true);
  CHECK(r["recovered"] == Json::parse(R"({"n": 5, "self_loops": false, "S": [2, 3], "b": 0})"));
  CHECK(r["learner"]["complement"] == Json::parse(R"({"n": 5, "self_loops": false, "S": [1, 4, 5], "b": 1})"));
  CHECK(r["learner"]["exact_error"].get<double>() == doctest::Approx(0));
}

TEST_CASE("learn gf2: inconsistent labels are refused, and all parities bear them") {
  const Folder f;
  refused(f, learn("gnn-degree-parity", {"--n", "8", "--samples", "300", "--noise", "0.1"}), 2,
          "inconsistent labels: the sample is not realisable by any (S,b)");
  refused(f, learn("gnn-degree-parity", {"--n", "8", "--noise", "0.1", "--samples", "300", "--out", "run"}), 2);
  refused(f, learn("gnn-degree-parity", {"--control"}), 2, "the control is a count");
  const Json r =
      result(f, "gnn-degree-parity", {"--n", "8", "--samples", "1500", "--noise", "0.1", "--algo", "brute-force"});
  CHECK(r["test_accuracy"].get<double>() >= 0.98);
  CHECK(r["queries"] == 256);
  CHECK(r["learner"]["largest_correlation"].get<double>() == doctest::Approx(0.8).epsilon(0.1));
  refused(f, learn("gnn-degree-parity", {"--n", "30", "--algo", "brute-force"}), 2, "2^30");
}

TEST_CASE("learn growing-basis: the target, exactly, in fewer queries than the limit") {
  const Folder f;
  for (const char* generators : {"rowsum", "sign", "cyclic"}) {
    const bool normal = generators == std::string("rowsum");
    const Json r = result(f, "invariant-poly",
                          {"--generators", generators, "--r", "10", "--degree", normal ? "3" : "2", "--terms", "2",
                           "--samples", "20000", "--expect", "learned"});
    CAPTURE(generators);
    CHECK(r["exact"] == true);
    CHECK(r["learner"]["verified"] == true);
    CHECK(r["queries"].get<int>() <= r["learner"]["query_limit"].get<int>());
    CHECK(r["learner"]["query_limit"] == 2 * (10 * (normal ? 3 : 2) + 2) + 1);
    CHECK(r["recovered"]["terms"].size() == 2);
    f.write("found.json", r["recovered"].dump());
    const std::string shown =
        accepted(f, {"families", "show", "invariant-poly", "--member", "found.json", "--json", "-q"});
    CHECK(Json::parse(shown)["norm_sq"].get<double>() == doctest::Approx(1));
  }
  const Json told = result(f, "invariant-poly", kSmallPoly);
  const Json found = result(f, "invariant-poly", kSmallPoly + Arguments{"--a-min", "auto"});
  CHECK(told["exact"] == true);
  CHECK(found["exact"] == true);
  CHECK(found["learner"]["attempts"].get<int>() > 1);
  CHECK(found["queries"].get<int>() > told["queries"].get<int>());
  // More samples than its rule asks for by itself.
  refused(f, learn("invariant-poly", {"--generators", "sign", "--degree", "6", "--terms", "3"}), 2,
          "takes about 3334994 samples");
  // Half of what it is: never found.
  CHECK(result(f, "invariant-poly", kSmallPoly + Arguments{"--a-min", "3"})["learner"]["terms_found"] == 0);
  // Plain detectors, the control, and noise.
  const Arguments easy = {"--r", "6", "--degree", "2", "--terms", "1", "--samples", "8000"};
  CHECK(result(f, "invariant-poly", easy + Arguments{"--damping", "0"})["exact"] == true);
  CHECK(result(f, "invariant-poly", kSmallPoly + Arguments{"--control"})["exact"] == true);
  const Json noisy = result(f, "invariant-poly", kSmallPoly + Arguments{"--noise", "0.2"});
  CHECK(noisy["exact"] == false);
  CHECK(noisy["learner"]["same_monomials"] == true);
  CHECK(noisy["verdict"] == "learned");
}

TEST_CASE("learn --oracle: GROWING-BASIS gets through an SQ oracle what it does not get through a CSQ oracle") {
  const Folder f;
  const Arguments through = kSmallPoly + Arguments{"--tau", "0.005"};
  const Json sq = result(f, "invariant-poly", through + Arguments{"--oracle", "sq", "--expect", "learned"});
  CHECK(sq["exact"] == true);
  CHECK(sq["oracle"]["kind"] == "sq");
  CHECK(sq["oracle"]["answer"] == "zero");
  CHECK(sq["oracle"]["queries"] == sq["queries"]);
  CHECK(sq["queries_above_tau"].get<int>() > 0);
  const Json csq = result(f, "invariant-poly", through + Arguments{"--oracle", "csq", "--expect", "fails"});
  CHECK(csq["exact"] == false);
  CHECK(csq["recovered"].is_null());
  CHECK(csq["learner"]["status"] == "stuck");
  CHECK(csq["normalized_test_loss"].get<double>() == doctest::Approx(1).epsilon(0.02));
  CHECK(csq["queries_above_tau"] == 0);
  // A tolerance that hides everything; and the correlational way, which has to ask for every product.
  CHECK(result(f, "invariant-poly", kSmallPoly + Arguments{"--oracle", "sq", "--tau", "1.01"})["exact"] == false);
  const Arguments all = {"--algo", "brute-force", "--oracle", "csq"};
  const Json every = result(f, "invariant-poly", through + all);
  CHECK(every["exact"] == true);
  CHECK(every["queries"] == 164);
  CHECK(every["queries_above_tau"] == 2);
  CHECK(result(f, "invariant-poly", kSmallPoly + all + Arguments{"--tau", "0.8"})["recovered"].is_null());

  refused(f, learn("invariant-poly", {"--tau", "0.1"}), 2, "give --oracle");
  refused(f, learn("invariant-poly", {"--oracle", "sq"}), 2, "needs a tolerance");
  refused(f, learn("invariant-poly", {"--oracle", "sq", "--tau", "0"}), 2, "above 0");
  refused(f, learn("invariant-poly", {"--oracle", "qs", "--tau", "1"}), 2, "allowed are csq, sq");
  refused(f, learn("invariant-poly", {"--oracle", "sq", "--tau", "1", "--a-min", "auto"}), 2, "--a-min auto");
  refused(f, learn("gnn-degree-parity", {"--oracle", "sq", "--tau", "1"}), 2, "growing-basis and brute-force");
}

TEST_CASE("learn spectral: hidden planes themselves, and under shifts their power spectrum") {
  const Folder f;
  const std::map<std::string, Arguments> small = {{"gnn-feature", {"--n", "4", "--d", "8", "--k", "4"}},
                                                  {"rotation-invariant", {"--n", "5", "--k", "4"}}};
  for (const auto& entry : small) {
    const std::string family = entry.first;
    const Arguments common = entry.second + Arguments{"--algo", "spectral", "--samples", "3000"};
    const Json r = result(f, family, common + Arguments{"--expect", "learned"});
    CAPTURE(family);
    CHECK(r["exact"] == true);
    CHECK(r["test_loss"].get<double>() < 1e-20);
    CHECK(r["learner"]["status"] == "converged");
    CHECK(r["queries"] ==
          r["learner"]["squared_queries"].get<int>() + r["learner"]["correlational_queries"].get<int>());
    f.write("found.json", r["recovered"].dump());
    CHECK(result(f, family, {"--member", "found.json", "--samples", "3000"})["exact"] == true);
    const Arguments through = common + Arguments{"--tau", "0.002", "--oracle"};
    const Json sq = result(f, family, through + Arguments{"sq", "--expect", "learned"});
    CHECK(sq["oracle"]["queries"] == sq["queries"]);
    CHECK(sq["queries_above_tau"].get<int>() > 0);
    const Json csq = result(f, family, through + Arguments{"csq", "--expect", "fails"});
    CHECK(csq["learner"]["status"] == "stuck");
    CHECK(csq["recovered"].is_null());
    CHECK(csq["queries_above_tau"] == 0);
    refused(f, learn(family, common + Arguments{"--control"}), 2, "the control has none");
    refused(f, learn(family, through + Arguments{"sq", "--noise", "0.1"}), 2, "without noise");
    refused(f, learn(family, {"--k", "1", "--algo", "spectral"}), 2, "k >= 2");
  }
  const Arguments cyclic = {"--n", "16", "--algo", "spectral", "--samples", "20000"};
  const Json r = result(f, "cnn-cyclic", cyclic + Arguments{"--test-samples", "100"});
  // The power spectrum is no hypothesis: nothing is said of how good one is.
  for (const char* key : {"verdict", "test_loss", "normalized_test_loss", "train_loss", "normalized_train_loss",
                          "correlation", "test_variance"})
    CHECK_MESSAGE((r.contains(key) && r[key].is_null()), key);
  CHECK(r["test_samples"] == 0);
  const std::string said = accepted(f, learn("cnn-cyclic", cyclic));
  CHECK(said.starts_with("verdict                none: this learner has no hypothesis"));
  CHECK(said.find("loss ") == said.find("loss could be judged"));
  CHECK(said.find("power spectrum of target [") != std::string::npos);
  CHECK(f.run(learn("cnn-cyclic", cyclic + Arguments{"--expect", "fails"})).code == 4);
  CHECK(r["recovered"].is_null());
  CHECK(r["queries"] == 9);
  CHECK(r["learner"]["power_spectrum"].size() == 9);
  CHECK(r["learner"]["spectrum_error"].get<double>() < 0.25);
  const Arguments through = cyclic + Arguments{"--tau", "0.001", "--oracle"};
  CHECK(result(f, "cnn-cyclic", through + Arguments{"sq"})["learner"]["spectrum_error"].get<double>() < 0.05);
  const Json csq = result(f, "cnn-cyclic", through + Arguments{"csq"});
  CHECK(csq["queries_above_tau"] == 0);
  CHECK(csq["learner"]["spectrum_error"] == 0.5);
}

TEST_CASE(
    "learn sign-gf2 and screen: the set of a frame parity, in every frame; only screening goes through an oracle") {
  const Folder f;
  for (const char* frame : {"none", "cyclic", "sort"}) {
    const Arguments small = {"--n", "12", "--frame", frame, "--samples", "4000", "--algo"};
    CAPTURE(frame);
    for (const char* k : {"4", "6"}) {
      const Json r = result(f, "frame-parity", small + Arguments{"sign-gf2", "--k", k, "--expect", "learned"});
      CHECK(r["exact"] == true);
      CHECK(r["queries"].is_null());
      CHECK(r["learner"]["status"] == "confirmed");
      CHECK(r["learner"]["indices_found"] == r["params"]["k"]);
    }
    const Arguments screen = small + Arguments{"screen", "--k", "4"};
    const Json r = result(f, "frame-parity", screen + Arguments{"--expect", "learned"});
    CHECK(r["exact"] == true);
    CHECK(r["learner"]["certain"] == 4);
    f.write("found.json", r["recovered"].dump());
    CHECK(result(f, "frame-parity", {"--member", "found.json", "--samples", "4000", "--algo", "screen"})["exact"] ==
          true);
    const Arguments through = screen + Arguments{"--tau", "0.02", "--oracle"};
    const Json sq = result(f, "frame-parity", through + Arguments{"sq", "--expect", "learned"});
    CHECK(sq["oracle"]["queries"] == sq["queries"]);
    const Json csq = result(f, "frame-parity", through + Arguments{"csq", "--expect", "fails"});
    CHECK(csq["learner"]["status"] == "stuck");
    CHECK(csq["queries_above_tau"] == 0);
  }
  const Arguments sign = {"--algo", "sign-gf2", "--n", "8", "--k", "4"};
  refused(f, learn("frame-parity", sign + Arguments{"--oracle", "sq", "--tau", "0.1"}), 2, "reads examples");
  refused(f, learn("frame-parity", sign + Arguments{"--control"}), 2, "no signs");
  refused(f, learn("frame-parity", {"--algo", "screen", "--n", "16", "--k", "12", "--frame", "sort"}), 2,
          "at most 10");
}

TEST_CASE("learn lasso and brute-force: sparse polynomials from all products, where these are few") {
  const Folder f;
  const Arguments small = {"--r", "10", "--degree", "2", "--terms", "2", "--samples", "1500"};
  for (const Arguments& algorithm :
       {Arguments{"--algo", "lasso"}, {"--algo", "lasso", "--lambda", "theory"}, {"--algo", "brute-force"}}) {
    const Json r = result(f, "invariant-poly", small + algorithm);
    CHECK(r["exact"] == true);
    CHECK(r["learner"]["verified"] == true);
  }
  CHECK(result(f, "invariant-poly", small + Arguments{"--algo", "lasso", "--lambda", "5"})["recovered"].is_null());
  refused(f, learn("invariant-poly", {"--algo", "lasso", "--samples", "100"}), 2,
          "all 4598126 products of 100 generators");
  refused(f, learn("invariant-poly", {"--algo", "lasso", "--lambda", "0"}), 2, "above 0");
  refused(f, learn("invariant-poly", {"--algo", "brute-force"}), 2, "at most 30000000000");
}

TEST_CASE("learn and bound: correlated inputs withdraw what is proved for independent ones") {
  const Folder f;
  for (const char* family : {"gnn-feature", "cnn-cyclic", "rotation-invariant"}) {
    CAPTURE(family);
    const Arguments law{"--n", "6", "--d", "3", "--k", "2", "--input-correlation", "0.5"};
    refused(f, learn(family, law), 2, "independent inputs");
    const Json low =
        result(f, family, law + Arguments{"--algo", "low-degree", "--samples", "500", "--max-degree", "1"});
    CHECK(low["params"]["input-correlation"] == 0.5);
    const auto told = f.run(Arguments{"bound", family, "--tau", "0.1", "--members", "0"} + law);
    CHECK(told.code == 0);
    CHECK(told.out.find("B1") == told.out.find("B1)"));  // of lambda alone
    CHECK(told.err.find("withdrawn") != std::string::npos);
  }
  refused(f, {"families", "show", "cnn-cyclic", "--input-correlation", "1"}, 2, "below 1");
  const Arguments subspace{"gnn-feature", "--n", "3", "--d", "6", "--k", "2", "--input-dim", "4"};
  refused(f, Arguments{"learn"} + subspace + Arguments{"--algo", "spectral"}, 2, "and input-dim is 4");
  refused(f, Arguments{"gradvar"} + subspace, 2, "with --input-dim each has a subspace of its own");
  const auto bounds = f.run(Arguments{"bound"} + subspace + Arguments{"--tau", "0.1"});
  CHECK(bounds.code == 0);
  CHECK(bounds.out.find("explained by no bound") != std::string::npos);
}

TEST_CASE("learn gnn-degree-parity: sparse graphs; a member file holds their law, which flags do not contradict") {
  const Folder f;
  const Arguments sparse{"--n", "8", "--edge-probability", "0.2", "--min-count", "2"};
  for (const char* algorithm : {"gf2", "brute-force"}) {
    CAPTURE(algorithm);
    const Json r = result(f, "gnn-degree-parity", sparse + Arguments{"--algo", algorithm, "--samples", "400"});
    CHECK(r["params"]["edge-probability"] == 0.2);
    CHECK(r["test_accuracy"].get<double>() > 0.98);
    CHECK(r["recovered"]["edge_probability"] == 0.2);
    CHECK(std::abs(1 - r["test_accuracy"].get<double>() - r["learner"]["exact_error"].get<double>()) < 0.01);
    f.write("found.json", r["recovered"].dump());
  }
  const Arguments show{"families", "show", "gnn-degree-parity", "--member", "found.json"};
  CHECK(Json::parse(accepted(f, show + Arguments{"--json", "-q"}))["edge_probability"] == 0.2);
  accepted(f, show + Arguments{"--edge-probability", "0.20", "-q"});
  refused(f, show + Arguments{"--edge-probability", "0.5"}, 2, "has 0.2");
  f.write("fair.json", R"({"n": 8, "S": [4, 5], "b": 0})");
  refused(f, {"families", "show", "gnn-degree-parity", "--member", "fair.json", "--edge-probability", "0.2"}, 2,
          "has 0.5");
  // Not in the configuration where it is the default.
  const Json plain = Json::parse(
      accepted(f, {"train", "gnn-degree-parity", "--edge-probability", "0.50", "--dry-run", "--json", "-q"}));
  CHECK(!plain["config"]["params"].contains("edge-probability"));
  CHECK(plain["run_id"] ==
        Json::parse(accepted(f, {"train", "gnn-degree-parity", "--dry-run", "--json", "-q"}))["run_id"]);
  const Json member = Json::parse(
      accepted(f, {"train", "gnn-degree-parity", "--member", "found.json", "--dry-run", "--json", "-q"}));
  CHECK(member["config"]["params"]["edge-probability"] == "0.2");
  refused(f,
          {"train", "gnn-degree-parity", "--n", "4", "--bias-max", "1", "--min-count", "0", "--edge-probability",
           "0.3", "--oracle", "csq", "--tau", "0.1", "--oracle-samples", "0"},
          2, "--oracle-samples is 0");
  refused(f, {"train", "gnn-feature", "--edge-probability", "0.3"}, 2, "not a parameter of gnn-feature");
  accepted(f, Arguments{"train", "gnn-degree-parity", "--model", "mlp", "--augment", "family", "--steps", "5",
                        "--test-samples", "50", "--out", "run", "-q"} +
                  sparse);
}

TEST_CASE("learn staircase: at every leap the target, exactly, and low degrees have the steps that they contain") {
  const Folder f;
  const Arguments small{"--r", "20", "--samples", "20000"};
  for (const char* leap : {"1", "2", "3", "4"}) {
    CAPTURE(leap);
    const Json r = result(f, "staircase", small + Arguments{"--leap", leap});
    CHECK(r["algorithm"] == "growing-basis");
    CHECK(r["exact"] == true);
    f.write("found.json", r["recovered"].dump());
    accepted(f, {"families", "show", "staircase", "--member", "found.json", "-q"});
    // T = 4, 2, 2, 1 terms, of which those of degree 1 and 2 are learned: 2, 1, 0, 0.
    const Json low =
        result(f, "staircase", small + Arguments{"--leap", leap, "--algo", "low-degree", "--max-degree", "2"});
    const double left = *leap == '3' || *leap == '4' ? 1 : 0.5;
    CHECK(low["normalized_test_loss"].get<double>() == doctest::Approx(left).epsilon(0.15));
  }
}

TEST_CASE("learn table: random functions of orbits are remembered, and no more") {
  const Folder f;
  const Json small = result(f, "boolean-orbit", {"--n", "8", "--samples", "3000"});
  CHECK(small["exact"] == true);
  CHECK(small["test_accuracy"] == 1);
  CHECK(small["learner"]["orbits_seen"] == 36);
  const Json large = result(f, "boolean-orbit", {"--n", "20", "--samples", "2000", "--expect", "fails"});
  CHECK(large["verdict"] == "memorised");
  CHECK(large["learner"]["unseen_mass_estimate"].get<double>() > 0.9);
  CHECK(result(f, "boolean-orbit", {"--n", "8", "--samples", "3000", "--control"})["verdict"] == "learned");
}

TEST_CASE("learn low-degree and kernel: on every family; controls are learned, targets are not") {
  const Folder f;
  for (const char* family : {"boolean-orbit", "gnn-degree-parity", "gnn-feature", "cnn-cyclic", "frame-parity",
                             "invariant-poly", "rotation-invariant"}) {
    CAPTURE(family);
    const Json low = result(f, family, {"--algo", "low-degree", "--samples", "2000", "--max-degree", "1"});
    CHECK(low["queries"] == low["learner"]["products"]);
    CHECK(low["recovered"].is_null());
    CHECK(low["normalized_test_loss"].get<double>() > 0.9);
    Arguments features{"--algo", "kernel",    "--kernel", "features",       "--width",
                       "8",      "--samples", "50",       "--test-samples", "50"};
    const std::set<std::string> without_head{"frame-parity", "invariant-poly", "rotation-invariant"};
    if (!without_head.contains(family)) features = features + Arguments{"--head-width", "8"};
    const Json kernel = result(f, family, features);
    CHECK(kernel["learner"]["kernel"] == "features");
    if (family != std::string("invariant-poly")) CHECK(kernel["learner"]["features"] == 9);  // width and a bias
    CHECK(std::isfinite(kernel["test_loss"].get<double>()));
  }
  // Its train loss is above 1, of an average of few estimates a product; the fresh one says that part is learned.
  const Json partly = result(f, "boolean-orbit",
                             {"--n", "9", "--control", "--algo", "low-degree", "--samples", "400", "--max-degree",
                              "4", "--fails-from", "0.95"});
  CHECK(partly["normalized_train_loss"].get<double>() > 0.95);
  CHECK(partly["normalized_test_loss"].get<double>() < 0.95);
  CHECK(partly["verdict"] == "partly-learned");
  // Weight above n/2: most of it has degree 1.
  const Json weight =
      result(f, "boolean-orbit", {"--n", "9", "--control", "--algo", "low-degree", "--samples", "5000"});
  CHECK(weight["normalized_test_loss"].get<double>() < 0.5);
  CHECK(weight["learner"]["max_degree"] == 3);  // 20 times 130 products, not 256
  const Json tangent = result(f, "gnn-degree-parity",
                              {"--n", "6", "--control", "--algo", "kernel", "--width", "8", "--head-width", "8",
                               "--depth", "1", "--samples", "200", "--test-samples", "200"});
  CHECK(tangent["model"] == "gnn");
  CHECK(tangent["learner"]["features"] == 2 * 8 + 8 + 64 + 8 + 8 + 1);
  CHECK(tangent["normalized_test_loss"].get<double>() < 0.9);
  refused(f, learn("cnn-cyclic", {"--algo", "kernel", "--samples", "5000"}), 2, "5 to 4096");
  refused(f, learn("cnn-cyclic", {"--algo", "low-degree", "--max-degree", "12"}), 2, "take a smaller degree");
}

TEST_CASE("learn: the sample and the test are those of train") {
  const Folder f;
  for (const Arguments& setting : {Arguments{}, {"--control"}, {"--noise", "0.1", "--data-seed", "9"}}) {
    const Arguments common = Arguments{"--n", "6", "--samples", "300", "--test-samples", "500"} + setting;
    const Json l = result(f, "gnn-degree-parity", common + Arguments{"--algo", "low-degree"});
    accepted(f, tiny(common + Arguments{"--dtype", "f64", "--steps", "1", "--out", "run", "--force", "-q"}));
    const Json t = Json::parse(f.read("run/result.json"));
    CHECK(l["member"] == t["member"]);
    CHECK(l["test_samples"] == t["test_samples"]);
    CHECK(l["test_variance"].get<double>() == doctest::Approx(t["test_variance"].get<double>()).epsilon(1e-13));
    const auto variance = [](const Json& r) {
      return r["train_loss"].get<double>() / r["normalized_train_loss"].get<double>();
    };
    CHECK(variance(l) == doctest::Approx(variance(t)).epsilon(1e-13));
  }
}

TEST_CASE("learn --out: a run directory, never overwritten unasked, the same for equal runs") {
  const Folder f;
  const Arguments small = {"--n", "8", "--samples", "200"};
  const std::string printed = accepted(f, learn("gnn-degree-parity", small + Arguments{"--json", "--out", "run"}));
  const Json r = Json::parse(f.read("run/result.json")), run = Json::parse(f.read("run/run.json"));
  CHECK(Json::parse(printed) == r);
  CHECK(run["format"] == "eqnn-run-1");
  CHECK(run["run_id"] == r["run_id"]);
  CHECK(run["config"]["algorithm"] == "gf2");
  CHECK(run["config"]["params"]["n"] == "8");
  CHECK(!run["config"].contains("lr"));
  CHECK(r["verdict"] == "learned");
  for (const char* key : {"family",
                          "params",
                          "member",
                          "control",
                          "seeds",
                          "train_loss",
                          "normalized_train_loss",
                          "test_samples",
                          "test_loss",
                          "test_variance",
                          "normalized_test_loss",
                          "test_accuracy",
                          "correlation",
                          "correlation_low",
                          "correlation_high",
                          "thresholds",
                          "time",
                          "machine",
                          "exact",
                          "recovered",
                          "queries"})
    CHECK(r.contains(key));
  refused(f, learn("gnn-degree-parity", small + Arguments{"--out", "run"}), 2, "exists");
  refused(f, learn("gnn-degree-parity", small + Arguments{"--out", "run", "--noise", "0.3", "--force"}), 2);
  accepted(f, learn("gnn-degree-parity", small + Arguments{"--out", "run", "--force"}));
  accepted(f, learn("gnn-degree-parity", small + Arguments{"--out", "other", "--threads", "2"}));
  CHECK(without_time(f.read("run/result.json")) == without_time(f.read("other/result.json")));
  CHECK(without_time(f.read("run/result.json")) == without_time(r.dump()));
  accepted(f, learn("gnn-degree-parity", small + Arguments{"--out", "seed", "--seed", "1"}));
  CHECK(Json::parse(f.read("seed/result.json"))["run_id"] != r["run_id"]);
  f.write("letter", "dear");
  refused(f, learn("gnn-degree-parity", small + Arguments{"--out", "letter", "--force"}), 2, "not a run directory");
  const std::string text = accepted(f, learn("gnn-degree-parity", small));
  for (const char* part : {"verdict", "learned", "test accuracy", "rank limit", "recovered"})
    CHECK(text.find(part) != std::string::npos);
}

TEST_CASE("learn: what is not allowed is refused, naming what is") {
  const Folder f;
  refused(f, {"learn"}, 2, "no family");
  refused(f, {"learn", "gnn-degree-party"}, 2, "'gnn-degree-parity'");
  refused(f, learn("gnn-degree-parity", {"--algo", "growing-basis"}), 2,
          "its learners are gf2, brute-force, low-degree, kernel");
  refused(f, learn("invariant-poly", {"--algo", "gf2"}), 2, "its learners are growing-basis, lasso");
  refused(f, learn("boolean-orbit", {"--algo", "tabel"}), 2, "nearest is 'table'");
  refused(f, learn("cnn-cyclic", {"--algo", "lasso"}), 2, "its learners are spectral, low-degree, kernel");
  refused(f, learn("gnn-degree-parity", {"--samples", "0"}), 2, "at least 1");
  refused(f, learn("gnn-degree-parity", {"--n", "1"}), 2, "n is 1");
  refused(f, learn("gnn-degree-parity", {"--a-min", "1"}), 2, "flag of --algo growing-basis");
  refused(f, learn("gnn-degree-parity", {"--width", "8"}), 2, "flag of --algo kernel");
  refused(f, learn("gnn-degree-parity", {"--lr", "1"}), 2, "not a flag");
  refused(f, learn("invariant-poly", {"--a-min", "0"}), 2, "--a-min");
  refused(f, learn("invariant-poly", {"--a-min", "little"}), 2, "--a-min");
  refused(f, learn("invariant-poly", {"--damping", "-1"}), 2, "--damping");
  refused(f, learn("invariant-poly", {"--r", "100", "--samples", "9000000"}), 2, "held in memory");
  refused(f, learn("gnn-degree-parity", {"--expect", "luck"}), 2);
  const Outcome no = f.run(learn("boolean-orbit", {"--samples", "100", "--expect", "learned"}));
  CHECK(no.code == 4);
  CHECK(one_error_line(no.err));
}

}  // namespace test_learn
