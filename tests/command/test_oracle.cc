// Training through oracles: what depends on the target and what does not, counts, resuming, refusals; the
// threshold.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>

#include "support/command.h"

namespace test_oracle {

using namespace cli;

namespace {

Arguments oracle(const Arguments& more = {}) {
  return tiny(Arguments{"--oracle", "csq", "--tau", "1.01", "--oracle-samples", "128"} + more);
}

// The parameters' bytes, without the file's header, which names the run.
std::string weights(const Folder& f, const std::string& run) {
  const std::string file = f.read(run + "/model.safetensors");
  std::uint64_t header = 0;
  REQUIRE(file.size() > sizeof header);
  std::memcpy(&header, file.data(), sizeof header);
  return file.substr(sizeof header + header);
}

Json result(const Folder& f, const std::string& run) { return Json::parse(f.read(run + "/result.json")); }

}  // namespace

namespace {

// A run, the same one on the target 0, and on another member: no query exceeds tau, and all end with one model.
void tells_nothing(const Arguments& kind) {
  const Folder f;
  const std::vector<Arguments> targets = {{}, {"--null-target"}, {"--member-seed", "3"}};
  std::vector<std::string> bits;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    const std::string run = "run" + std::to_string(i);
    accepted(f, kind + targets[i] + Arguments{"--out", run});
    bits.push_back(weights(f, run));
    const Json r = result(f, run);
    CHECK(r["queries_above_tau"] == 0);
    CHECK(r["queries"] == r["steps"].get<long>() * r["parameters"].get<long>());
    CHECK(r["largest_query"].get<double>() <= r["oracle"]["tau"].get<double>());
    CHECK((r["largest_query"] == 0) == (i == 1));
  }
  CHECK(bits[0] == bits[1]);
  CHECK(bits[0] == bits[2]);
  CHECK(result(f, "run0")["test_loss"] != result(f, "run2")["test_loss"]);  // other targets after all
}

}  // namespace

TEST_CASE("oracle: what tells nothing leaves the parameters of the run whose target is 0, bit for bit") {
  tells_nothing(oracle());
  tells_nothing(oracle({"--answer", "shrink", "--optimizer", "sgd", "--momentum", "0.9"}));
  tells_nothing(oracle({"--oracle", "sq", "--clip-norm", "0.1"}));
}

TEST_CASE("oracle: ... at tau below 1, and over all inputs") {
  tells_nothing(oracle({"--tau", "0.6", "--dtype", "f64"}));  // sampling errors are 0.09
  tells_nothing(oracle({"--oracle", "sq", "--tau", "0.4", "--oracle-samples", "512", "--answer", "shrink"}));
  tells_nothing({"train", "boolean-orbit", "--n", "6", "--width", "4", "--head-width", "4", "--steps", "20",
                 "--test-samples", "200", "--oracle", "csq", "--tau", "1.01", "--oracle-samples", "0", "-q"});
}

TEST_CASE("oracle: a query above tau is counted, and changes the parameters") {
  const Folder f;
  const Arguments fine{"--tau", "0.01", "-q"};
  accepted(f, oracle(fine + Arguments{"--out", "f"}));
  accepted(f, oracle(fine + Arguments{"--null-target", "--out", "null"}));
  const Json r = result(f, "f");
  CHECK(r["queries_above_tau"] > 0);
  CHECK(r["queries_above_tau"] < r["queries"]);
  CHECK(weights(f, "f") != weights(f, "null"));
  CHECK(r["oracle"] ==
        Json{{"kind", "csq"}, {"tau", 0.01}, {"answer", "zero"}, {"samples", 128}, {"all_inputs", false}});
  CHECK(r["samples_seen"] == 40 * 128);
  // The counts of the evaluations grow to those of the result.
  const auto lines = metrics(f, "f");
  REQUIRE(lines.size() > 2);
  CHECK(lines.back()["queries"] == r["queries"]);
  CHECK(lines.back()["queries_above_tau"] == r["queries_above_tau"]);
  for (std::size_t i = 1; i < lines.size(); ++i) {
    CHECK(lines[i]["queries"] > lines[i - 1]["queries"]);
    CHECK(lines[i]["queries_above_tau"] >= lines[i - 1]["queries_above_tau"]);
    CHECK(lines[i]["largest_query"] >= lines[i - 1]["largest_query"]);
  }
}

TEST_CASE("oracle: the same sample answered three ways, and the way a batch would") {
  const Folder f;
  const Arguments sgd{"--optimizer", "sgd", "--lr", "0.05", "--schedule", "constant", "--dtype", "f64", "-q"};
  for (const char* answer : {"exact", "zero", "shrink"})
    accepted(f, oracle(sgd + Arguments{"--tau", "1e-9", "--answer", answer, "--out", answer}));
  // At a tolerance of nothing all answers are exact; of the same expectations.
  const auto near = [&](const std::string& a, const std::string& b, double tolerance) {
    const std::string x = weights(f, a), y = weights(f, b);
    REQUIRE(x.size() == y.size());
    double worst = 0;
    for (std::size_t i = 0; i < x.size(); i += sizeof(double)) {
      double u = 0, v = 0;
      std::memcpy(&u, x.data() + i, sizeof u);
      std::memcpy(&v, y.data() + i, sizeof v);
      worst = std::max(worst, std::abs(u - v));
    }
    CHECK(worst <= tolerance);
  };
  CHECK(weights(f, "exact") == weights(f, "zero"));
  near("exact", "shrink", 1e-7);
  CHECK(weights(f, "exact") != weights(f, "shrink"));
  // sq, sampled: gradient descent on the batches that it has without an oracle.
  accepted(f, tiny(sgd + Arguments{"--out", "plain"}));
  accepted(f, oracle(sgd + Arguments{"--oracle", "sq", "--answer", "sampled", "--out", "sampled"}));
  near("plain", "sampled", 1e-12);
  CHECK(result(f, "sampled")["samples_seen"] == 40 * (128 + 8));
  // csq, sampled: the same target terms, but E[h dh] of the large sample.
  accepted(f, oracle(sgd + Arguments{"--answer", "sampled", "--out", "csq-sampled"}));
  CHECK(weights(f, "csq-sampled") != weights(f, "sampled"));
}

TEST_CASE("oracle: exact over all inputs is the population's gradient, whatever the data's seed") {
  const Folder f;
  const Arguments all{"train",
                      "boolean-orbit",
                      "--n",
                      "6",
                      "--width",
                      "4",
                      "--head-width",
                      "4",
                      "--steps",
                      "20",
                      "--oracle",
                      "csq",
                      "--tau",
                      "0.1",
                      "--answer",
                      "exact",
                      "--dtype",
                      "f64",
                      "--oracle-samples",
                      "0",
                      "--test-samples",
                      "200",
                      "-q"};
  accepted(f, all + Arguments{"--out", "a"});
  accepted(f, all + Arguments{"--data-seed", "9", "--out", "b"});
  CHECK(weights(f, "a") == weights(f, "b"));
  const Json r = result(f, "a");
  CHECK(r["oracle"]["samples"] == 64);
  CHECK(r["oracle"]["all_inputs"] == true);
}

TEST_CASE("oracle: the same bits for any number of threads") {
  const Folder f;
  for (const char* answer : {"zero", "sampled"}) {
    const Arguments run = oracle({"--tau", "0.1", "--answer", answer, "-q"});
    for (const char* threads : {"1", "2", "7"})
      accepted(f, run + Arguments{"--threads", threads, "--out", answer + std::string(threads)});
    same_run(f, answer + std::string("1"), f, answer + std::string("2"));
    same_run(f, answer + std::string("1"), f, answer + std::string("7"));
  }
}

TEST_CASE("oracle: a run that goes on has the counts and bits of one that was not interrupted") {
  const Folder f;
  const Arguments run = oracle({"--tau", "0.1", "--schedule", "constant", "--eval-every", "5", "-q"});
  accepted(f, run + Arguments{"--out", "whole"});
  accepted(f, run + Arguments{"--steps", "20", "--out", "grown"});
  accepted(f, run + Arguments{"--out", "grown", "--resume"});
  same_run(f, "whole", f, "grown");
  CHECK(result(f, "grown")["queries_above_tau"] > 0);
  refused(f, run + Arguments{"--tau", "0.2", "--out", "grown", "--resume"}, 2, "'tau'");
  refused(f, tiny({"--schedule", "constant", "--eval-every", "5", "--out", "grown", "--resume"}), 2, "'oracle'");
  accepted(f, tiny({"--out", "plain"}));
  refused(f, tiny({"--oracle", "sq", "--tau", "1", "--out", "plain", "--resume"}), 2, "'oracle'");
  // With --out alone the run knows its own flags.
  accepted(f, run + Arguments{"--steps", "20", "--out", "known"});
  CHECK(f.run({"train", "--resume", "--out", "known"}).code == 0);
}

TEST_CASE("oracle: configurations without one are what they were, and those with one come back") {
  const Folder f;
  const Json plain = Json::parse(accepted(f, tiny({"--dry-run", "--json"})));
  for (const char* key : {"oracle", "tau", "answer", "oracle-samples", "null-target"})
    CHECK(!plain["config"].contains(key));
  CHECK(Json::parse(accepted(f, tiny({"--dry-run", "--json", "--oracle", "none"}))) == plain);
  for (const Arguments& a : {oracle(), oracle({"--oracle", "sq", "--answer", "shrink", "--null-target"})}) {
    const Json j = Json::parse(accepted(f, a + Arguments{"--dry-run", "--json"}));
    CHECK(j["run_id"] != plain["run_id"]);
    CHECK(j["memory_bytes"] > plain["memory_bytes"]);
    f.write("c.toml", accepted(f, a + Arguments{"--print-config"}));
    CHECK(Json::parse(accepted(f, {"train", "-c", "c.toml", "--threads", "1", "--dry-run", "--json"})) == j);
  }
}

TEST_CASE("oracle: flags that are refused") {
  const Folder f;
  for (const char* flag : {"--tau", "--answer", "--oracle-samples"}) {
    const std::string value = flag == std::string("--answer") ? "zero" : "1";
    refused(f, tiny({flag, value}), 2, "without --oracle");
  }
  refused(f, tiny({"--oracle", "csq"}), 2, "--tau");
  for (const char* tau : {"0", "-0.1", "inf", "nan", "x"}) refused(f, oracle({"--tau", tau}), 2, "--tau");
  refused(f, oracle({"--oracle", "vstat"}), 2, "csq");
  refused(f, oracle({"--answer", "hide"}), 2, "shrink");
  refused(f, oracle({"--oracle-samples", "-1"}), 2, "--oracle-samples");
  refused(f, oracle({"--oracle-samples", "0", "--n", "15"}), 2, "65536");
  refused(f, {"train", "frame-parity", "--oracle", "csq", "--tau", "1", "--oracle-samples", "0"}, 2, "number of");
  refused(f, oracle({"--loss", "cross-entropy"}), 2, "mse");
  refused(f, oracle({"--samples", "100"}), 2, "--samples");
  refused(f, oracle({"--noise", "0.1"}), 2, "--noise");
  refused(f, oracle({"--dropout", "0.1"}), 2, "--dropout");
  refused(f, oracle({"--stop-at-loss", "0.1"}), 2, "--stop-at-loss");
  f.write("x.csv", "x0,y\n1,2\n2,3\n3,4\n4,5\n5,6\n6,7\n7,8\n8,9\n9,10\n10,11\n");
  refused(f, {"train", "--data", "x.csv", "--format", "csv", "--oracle", "csq", "--tau", "1"}, 2, "--data");
  // A tolerance within the sampling error is said to be so.
  const Outcome o = f.run(oracle({"--tau", "0.1", "--out", "run"}));
  CHECK(o.code == 0);
  CHECK(o.err.find("--oracle-samples") != std::string::npos);
  CHECK(o.out.find("queries") != std::string::npos);
}

namespace {

// 64 inputs, all of them averaged over.
Arguments threshold(const Arguments& more = {}) {
  return Arguments{"tau-threshold",
                   "boolean-orbit",
                   "--n",
                   "6",
                   "--width",
                   "8",
                   "--head-width",
                   "8",
                   "--lr",
                   "0.02",
                   "--steps",
                   "200",
                   "--eval-every",
                   "50",
                   "--test-samples",
                   "500",
                   "--oracle-samples",
                   "0",
                   "--low",
                   "0.02",
                   "--high",
                   "1.01",
                   "--rounds",
                   "2",
                   "--seeds",
                   "0:3"} +
         more;
}

}  // namespace

TEST_CASE("tau-threshold: brackets, and is the same for any number of threads") {
  const Folder f;
  const std::string out = accepted(f, threshold({"--json", "-q"}));
  CHECK(accepted(f, threshold({"--json", "-q", "--threads", "3", "--out", "t.json"})) == out);
  const Json r = Json::parse(out);
  CHECK(Json::parse(f.read("t.json")) == r);
  CHECK(r["status"] == "bracketed");
  REQUIRE(r["points"].size() == 4);
  const double low = r["low"]["tau"], high = r["high"]["tau"], threshold_tau = r["tau_threshold"];
  CHECK(low >= 0.02);
  CHECK(low < threshold_tau);
  CHECK(threshold_tau < high);
  CHECK(high <= 1.01);
  CHECK(high / low == doctest::Approx(std::pow(1.01 / 0.02, 0.25)));
  CHECK(r["low"]["learned"] >= 2);
  CHECK(r["high"]["learned"] <= 1);
  for (const Json& p : r["points"]) {
    CHECK(p["seeds"] == 3);
    CHECK(p["learned_low"] <= p["learned"].get<double>() / 3);
    CHECK(p["learned_high"] >= p["learned"].get<double>() / 3);
    for (const Json& run : p["runs"]) {
      CHECK(run["learned"] == (run["normalized_test_loss"] <= 0.05));
      CHECK((run["queries_above_tau"] == 0) == (run["largest_query"] <= p["tau"]));
    }
  }
  refused(f, threshold({"--out", "t.json"}), 2, "--force");
}

TEST_CASE("tau-threshold: where the ends already decide, and what is refused") {
  const Folder f;
  const Json never = Json::parse(accepted(f, threshold({"--json", "-q", "--learned-below", "0"})));
  CHECK(never["status"] == "below-low");
  CHECK(never["points"].size() == 1);
  CHECK(never["tau_threshold"].is_null());
  CHECK(never["low"].is_null());
  const Json always = Json::parse(
      accepted(f, threshold({"--json", "-q", "--learned-below", "1e9", "--fails-from", "2e9", "--seeds", "4"})));
  CHECK(always["status"] == "above-high");
  CHECK(always["points"].size() == 2);
  CHECK(always["high"].is_null());
  CHECK(always["points"][1]["runs"][0]["seed"] == 4);
  refused(f, threshold({"--low", "0"}), 2, "--low");
  refused(f, threshold({"--low", "2"}), 2, "low < high");
  refused(f, threshold({"--seeds", "3:3"}), 2, "--seeds");
  refused(f, threshold({"--seeds", "a"}), 2, "--seeds");
  refused(f, threshold({"--rounds", "-1"}), 2, "--rounds");
  refused(f, threshold({"--oracle", "none"}), 2, "csq or sq");
  refused(f, threshold({"--answer", "exact"}), 2, "does not depend on tau");
  refused(f, threshold({"--tau", "0.1"}), 2, "--tau");
  refused(f, threshold({"--stop-at-loss", "0.1"}), 2, "--stop-at-loss");
  refused(f, {"tau-threshold"}, 2, "ID");
}

}  // namespace test_oracle
