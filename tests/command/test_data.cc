// eqnn train --data: graphs and arrays from files, folds, and files that are refused.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "support/command.h"
#include "support/paths.h"
#include "support/thrown.h"

namespace test_data {

using namespace cli;

namespace {

std::string graphs() { return paths::data("rings_and_stars.txt"); }

Arguments train_graphs(const Arguments& more) {
  return Arguments{"train", "--data", graphs(), "--format", "gin", "--steps", "200", "--width", "8", "-q"} + more;
}

// A table whose class is the sign of x0 - x1, and whose target is 2 x0 - x1.
std::string table(bool classes) {
  std::ostringstream csv;
  csv << "a,b,y\n";
  for (int i = 0; i < 60; ++i) {
    const double a = (i * 37 % 60) / 30.0 - 1, b = (i * 23 % 60) / 30.0 - 1.01;
    csv << a << "," << b << ",";
    classes ? csv << (a > b ? 1 : 0) << "\n" : csv << 2 * a - b << "\n";
  }
  return csv.str();
}

}  // namespace

TEST_CASE("train --data: folds of a file of graphs, each a run, and what they say together") {
  const Folder f;
  const Json r = Json::parse(accepted(f, train_graphs({"--folds", "3", "--out", "cv", "--json"})));
  CHECK(r["family"] == "data");
  CHECK(r["model"] == "gin");
  CHECK(r["data"]["examples"] == 24);
  CHECK(r["test_accuracy"].get<double>() >= 0.9);  // rings against stars: easy
  CHECK(r["test_accuracy"].get<double>() >= r["last_epoch_accuracy"].get<double>());
  CHECK(r.contains("test_accuracy_sd"));
  CHECK(r == Json::parse(f.read("cv/result.json")));
  // The mean at the best common evaluation, from the folds' own records.
  double sum = 0;
  for (int fold = 0; fold < 3; ++fold) {
    const std::string run = "cv/fold-" + std::to_string(fold);
    CHECK(f.has(run + "/model.safetensors"));
    const Json own = Json::parse(f.read(run + "/result.json"));
    CHECK(own["test_samples"] == 8);
    CHECK(own["samples"] == 16);
    for (const Json& line : metrics(f, run))
      if (line["step"] == r["best_step"]) sum += line["test_accuracy"].get<double>();
  }
  CHECK(sum / 3 == doctest::Approx(r["test_accuracy"].get<double>()).epsilon(1e-12));
  // Finished: nothing to do. Other flags: refused. Without --resume: refused.
  accepted(f, train_graphs({"--folds", "3", "--out", "cv", "--resume"}));
  refused(f, train_graphs({"--folds", "4", "--out", "cv", "--resume"}), 2, "another configuration");
  refused(f, train_graphs({"--folds", "3", "--out", "cv"}), 2, "exists");
}

TEST_CASE("train --data: the same bits for one thread and two, and a fold that was lost is made again") {
  const Folder f;
  accepted(f, train_graphs({"--folds", "2", "--dropout", "0.2", "--threads", "1", "--out", "one", "--json"}));
  accepted(f, train_graphs({"--folds", "2", "--dropout", "0.2", "--threads", "2", "--out", "two", "--json"}));
  for (const char* fold : {"/fold-0", "/fold-1"}) {
    CHECK(f.read(std::string("one") + fold + "/model.safetensors") ==
          f.read(std::string("two") + fold + "/model.safetensors"));
  }
  const std::string before = f.read("two/fold-1/model.safetensors");
  std::filesystem::remove_all(f / "two/fold-1");
  std::filesystem::remove(f / "two/result.json");
  accepted(f, train_graphs({"--folds", "2", "--dropout", "0.2", "--out", "two", "--resume", "--json"}));
  CHECK(f.read("two/fold-1/model.safetensors") == before);
}

TEST_CASE("train --data: one run with a held-out tenth, layer norm, and mean pooling") {
  const Folder f;
  const Json r = Json::parse(
      lines(accepted(f, train_graphs({"--norm", "layer", "--pool", "mean", "--out", "run", "--json"}))).back());
  CHECK(r["data"]["folds"] == 0);
  CHECK(r.contains("test_entropy"));
  CHECK(r["normalized_train_loss"].get<double>() < 0.5);
  const Json c = Json::parse(accepted(f, {"certify", "run", "--json"}));
  CHECK(c["pass"] == true);
  CHECK(c["certificates"][0]["compared"] == 20 * 21);
  refused(f, {"predict", "run", "--in", "x.npz", "--out", "y.npz"}, 6, "run on a file");
  refused(f, train_graphs({"--model", "gnn", "--out", "x"}), 2, "gin does");
  refused(f, train_graphs({"--pool", "sqrt", "--out", "x"}), 2, "sum and mean");
}

TEST_CASE("train --data: tables with classes and with real targets") {
  const Folder f;
  f.write("classes.csv", table(true));
  f.write("reals.csv", table(false));
  const Arguments quick{"--format", "csv", "--steps", "600", "--width", "16", "--lr", "1e-2", "-q", "--json"};
  const Json classes =
      Json::parse(lines(accepted(f, Arguments{"train", "--data", "classes.csv", "--out", "a"} + quick)).back());
  CHECK(classes["test_accuracy"].get<double>() >= 0.7);
  const Json reals =
      Json::parse(lines(accepted(f, Arguments{"train", "--data", "reals.csv", "--out", "b"} + quick)).back());
  CHECK_FALSE(reals.contains("test_accuracy"));
  CHECK(reals["verdict"] == "learned");
  refused(f, Arguments{"train", "--data", "reals.csv", "--loss", "cross-entropy", "--out", "c"} + quick, 2,
          "needs classes");
  refused(f, Arguments{"train", "--data", "reals.csv", "--control", "--out", "c"} + quick, 2, "leave them out");
}

TEST_CASE("train --data: --loss mse learns the numbers that stand in the file") {
  const Folder f;
  std::string rows;
  for (int i = 0; i < 60; ++i) rows += std::to_string(i % 3) + "," + std::to_string(i % 3 * 40 + 10) + "\n";
  f.write("whole.csv", rows);
  const Arguments train{"train", "--data", "whole.csv", "--format", "csv", "--steps", "20", "--json"};
  const Json r = Json::parse(lines(accepted(f, train + Arguments{"--loss", "mse", "-q", "--out", "a"})).back());
  CHECK(r["test_variance"].get<double>() > 100);  // that of 0, 1, 2 is below 1
  CHECK_FALSE(r.contains("test_accuracy"));
  // Guessed, and said: the same numbers as classes.
  const Outcome guessed = f.run(train + Arguments{"--out", "b"});
  CHECK(guessed.code == 0);
  CHECK(contains(guessed.err,
                 "whole.csv: the targets are whole numbers, 3 different ones: they are taken for classes"));
  CHECK(Json::parse(lines(guessed.out).back()).contains("test_entropy"));
}

TEST_CASE("train --data: a run is its examples, wherever their file is") {
  const Folder f;
  f.write("t.csv", table(true));
  std::filesystem::create_directory(f / "moved");
  f.write("moved/copy.csv", table(true));
  f.write("other.csv", table(false));
  const auto id = [&](const std::string& path) {
    const Arguments dry{"train", "--data", path, "--format", "csv", "--dry-run", "--json", "-q"};
    return Json::parse(accepted(f, dry))["run_id"].get<std::string>();
  };
  CHECK(id("t.csv") == id("./moved/../t.csv"));
  CHECK(id("t.csv") == id("moved/copy.csv"));
  CHECK(id("t.csv") != id("other.csv"));
  const auto train = [](const std::string& path, const std::string& steps) {
    return Arguments{"train", "--data",  path,  "--format",   "csv",      "-q",      "--out",
                     "run",   "--steps", steps, "--schedule", "constant", "--width", "8"};
  };
  accepted(f, train("t.csv", "40"));
  accepted(f, train("moved/copy.csv", "80") + Arguments{"--resume"});
  CHECK(Json::parse(f.read("run/result.json"))["steps"] == 80);
  refused(f, train("other.csv", "120") + Arguments{"--resume"}, 2);
}

TEST_CASE("train --data: graphs without labels are told apart by degrees, and regular ones are learned too") {
  const Folder f;
  // Cycles against complete graphs: every node looks like every other one of its graph.
  std::string regular = "40\n";
  for (int g = 0; g < 40; ++g) {
    const int n = 4 + g / 2 % 3;
    regular += std::to_string(n) + " " + std::to_string(g % 2) + "\n";
    for (int v = 0; v < n; ++v) {
      std::string row;
      int degree = 0;
      for (int u = 0; u < n; ++u)
        if (u != v && (g % 2 == 1 || (u - v + n) % n == 1 || (v - u + n) % n == 1))
          row += " " + std::to_string(u), ++degree;
      regular += "0 " + std::to_string(degree) + row + "\n";
    }
  }
  f.write("regular.txt", regular);
  const Arguments train{"train", "--data", "regular.txt", "--steps", "600", "--json"};
  const Outcome r = f.run(train + Arguments{"--out", "a"});
  CHECK(r.code == 0);
  CHECK(contains(r.err, "the nodes have no labels: their degree is taken for one, 4 different ones"));
  CHECK(contains(r.err, "in every graph all nodes look alike; --norm graph would leave nothing of them"));
  CHECK(Json::parse(lines(r.out).back())["test_accuracy"] == 1);
  const Json config = Json::parse(f.read("a/run.json"))["config"];
  CHECK(config["node-labels"] == "degree");
  CHECK(config["norm"] == "layer");
  // Without the degree there is still the sum over the neighbours.
  accepted(f, train + Arguments{"--node-labels", "none", "-q", "--steps", "5", "--out", "b"});
  CHECK(contains(f.run(train + Arguments{"--norm", "graph", "--steps", "5", "--out", "c"}).err,
                 "nothing will be learned"));
  refused(f, {"train", "gnn-degree-parity", "--node-labels", "degree"}, 2, "it is read by runs on a file");
  f.write("t.csv", table(true));
  refused(f, {"train", "--data", "t.csv", "--format", "csv", "--node-labels", "degree"}, 2,
          "--node-labels is for graphs");
}

TEST_CASE("train --data: a file that is cut or wrong is exit 3 with its line, and leaves nothing behind") {
  const Folder f;
  std::ifstream in(graphs());
  std::ostringstream whole;
  whole << in.rdbuf();
  const std::string text = whole.str();
  const auto train = [](const std::string& path) {
    return Arguments{"train", "--data", path, "--format", "gin", "--folds", "3", "--out", "x"};
  };
  f.write("cut.txt", text.substr(0, text.size() / 2));
  refused(f, train("cut.txt"), 3, "line ");
  f.write("far.txt", "1\n2 0\n0 1 1\n0 1 7\n");
  refused(f, train("far.txt"), 3, "line 4");
  f.write("empty.txt", "1\n0 0\n");
  refused(f, train("empty.txt"), 3, "line 2");
  f.write("nothing.txt", "");
  refused(f, train("nothing.txt"), 3);
  refused(f, train("missing.txt"), 3, "missing.txt");
  refused(f, {"train", "gnn-degree-parity", "--folds", "3"}, 2, "need --data");
  refused(f, {"train", "gnn-degree-parity", "--data", graphs()}, 2, "exclude each other");
  refused(f, train_graphs({"--folds", "20", "--out", "x"}), 2, "folds");
}

}  // namespace test_data
