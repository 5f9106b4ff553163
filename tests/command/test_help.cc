// What the command says of itself: --help, the map of commands, manual pages, completions.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <set>

#include "support/command.h"

namespace test_help {

using namespace cli;

namespace {

// "sweep run" and the like: all commands, as the map and the helps of groups list them.
std::vector<Arguments> all_commands(const Folder& f) {
  std::vector<Arguments> all;
  const auto names = [&](const Arguments& words) {
    Arguments found;
    const std::string help = f.run(words).out;
    for (const std::string& line : lines(help.substr(0, help.find("\nSuch a file"))))
      if (line.starts_with("  ") && line[2] >= 'a' && line[2] <= 'z' && !line.starts_with("  eqnn"))
        found.push_back(line.substr(2, line.find(' ', 2) - 2));
    return found;
  };
  for (const std::string& name : names({"--help"})) {
    all.push_back({name});
    if (name == "families" || name == "sweep")
      for (const std::string& inner : names({name, "--help"})) all.push_back({name, inner});
  }
  return all;
}

// The line of a flag, with those behind it that belong to it.
std::string entry(const std::string& help, const std::string& flag) {
  const auto at = help.find("  " + flag + " ");
  if (at == std::string::npos) return "";
  auto end = help.find("\n  -", at);
  end = std::min(end, help.find("\n\n", at));
  return help.substr(at, end - at);
}

}  // namespace

TEST_CASE("help: of every command, in lines that fit the terminal, with two columns") {
  const Folder f;
  const std::vector<Arguments> commands = all_commands(f);
  CHECK(commands.size() >= 22);
  for (const char* columns : {"80", "120"}) {
    setenv("COLUMNS", columns, 1);
    for (const Arguments& words : commands) {
      const Outcome help = f.run(words + Arguments{"--help"});
      CAPTURE(words.back());
      CHECK(help.code == 0);
      CHECK(help.err.empty());
      CHECK(help.out.starts_with("eqnn " + words[0]));
      for (const std::string& line : lines(help.out))
        CHECK_MESSAGE((line.size() <= static_cast<std::size_t>(std::atoi(columns)) || line.starts_with("  eqnn ")),
                      line);
      Arguments asked{"help"};
      for (const std::string& word : words) asked.push_back(word);
      CHECK(f.run(asked).out == help.out);
    }
  }
  unsetenv("COLUMNS");
}

TEST_CASE("help: train ID has that family's flags and its defaults, which a run takes") {
  const Folder f;
  const std::string general = f.run({"train", "--help"}).out;
  CHECK(entry(general, "--frame FRAME").find("frame-parity") != std::string::npos);
  for (const Json& family : Json::parse(f.run({"families", "list", "--json"}).out)) {
    const std::string id = family["id"];
    CAPTURE(id);
    const Outcome outcome = f.run({"train", id, "--help"});
    REQUIRE(outcome.code == 0);
    const Json config = Json::parse(f.run({"train", id, "--dry-run", "--json"}).out)["config"];
    for (const char* name : {"lr", "width", "steps", "batch", "model", "optimizer"}) {
      const Json& value = config[name];
      std::string flag = name, place = name;
      std::transform(place.begin(), place.end(), place.begin(),
                     [](char c) { return static_cast<char>(std::toupper(c)); });
      const std::string said = entry(outcome.out, "--" + flag + " " + place);
      const std::string text = value.is_string() ? value.get<std::string>() : value.dump();
      CHECK_MESSAGE(said.find("[" + text + "]") != std::string::npos, said, " ", text);
    }
    std::set<std::string> own;
    for (const Json& p : family["parameters"]) own.insert(p["name"]);
    for (const char* name : {"frame", "generators", "self-loops", "leap", "graph"})
      CHECK((outcome.out.find(std::string("\n  --") + name + " ") != std::string::npos) == own.contains(name));
    CHECK(outcome.out.find("--folds") == std::string::npos);
  }
  refused(f, {"train", "cnn-cyclc", "--help"}, 2, "'cnn-cyclic'");
  refused(f, {"train", "--stepz", "--help"}, 2, "'--steps'");
}

TEST_CASE("help: bare eqnn shows the map, and what is not there is told with the nearest") {
  const Folder f;
  const Outcome bare = f.run({});
  CHECK(bare.code == 2);
  for (const char* name : {"families", "train", "sweep", "report", "bound", "doctor"})
    CHECK(bare.out.find(std::string("\n  ") + name + " ") != std::string::npos);
  CHECK(f.run({"--help"}).out == bare.out);
  CHECK(f.run({"help"}).out == bare.out);
  refused(f, {"help", "trian"}, 2, "'train'");
  refused(f, {"--verison"}, 2, "'--version'");
  refused(f, {"train", "gnn-degree-parity", "--N", "3"}, 2, "'--n'");
}

TEST_CASE("help: completion offers commands, families, flags and their values") {
  const Folder f;
  const auto offered = [&](const Arguments& words) {
    std::vector<std::string> found;
    for (const std::string& line : lines(f.run(Arguments{"complete"} + words).out))
      found.push_back(line.substr(0, line.find('\t')));
    return found;
  };
  using Words = std::vector<std::string>;
  CHECK(offered({"tr"}) == Words{"train"});
  CHECK(offered({"sweep", "s"}) == Words{"status"});
  CHECK(offered({"train", "gnn-d"}) == Words{"gnn-degree-parity"});
  CHECK(offered({"train", "cnn-cyclic", "--optimizer", "ad"}) == Words{"adam", "adamw"});
  CHECK(offered({"train", "cnn-cyclic", "--head"}) == Words{"--head-width"});
  CHECK(offered({"report", "results.db", "-o", ""}) == Words{":files .html"});  // the shell knows those
  CHECK(offered({"train", "cnn-cyclic", "--optimizer=s"}) == Words{"--optimizer=sgd", "--optimizer=sign-sgd"});
  CHECK(offered({"learn", "cnn-cyclic", "--algo", ""}) == Words{"spectral", "low-degree", "kernel"});
  CHECK(offered({"plot", "r.db", "--fig"}) == Words{"--figure"});
  CHECK(offered({"plot", "r.db", "--figure", "fr"}) == Words{"frontier"});
  CHECK(offered({"train", "cnn-cyclic", "--gen"}).empty());
  CHECK(offered({"train", "invariant-poly", "--gen"}) == Words{"--generators"});
  CHECK(offered({"train", "cnn-cyclic", ""}).empty());
  CHECK(offered({"train", "cnn-cyclic", "--lr", ""}).empty());
  CHECK(offered({"sweep", "run", ""}) == Words{":files .toml /"});
  CHECK(offered({"reproduce", "exch"}) == Words{"exchange"});
  CHECK(offered({"train", "--quiet", "cnn"}) == Words{"cnn-cyclic"});
}

TEST_CASE("help: learn ID has the defaults of the family and the learner, in its own words") {
  const Folder f;
  CHECK(f.run({"learn", "--help"}).out.find("fresh samples every step") == std::string::npos);
  for (const Json& family : Json::parse(f.run({"families", "list", "--json"}).out)) {
    const std::string id = family["id"], help = accepted(f, {"learn", id, "--help"});
    CAPTURE(id);
    CHECK(help.find("fresh samples every step") == std::string::npos);
    CHECK(entry(help, "--test-samples SAMPLES").find("[10000]") != std::string::npos);
    const std::string algo = entry(help, "--algo ALGO"), samples = entry(help, "--samples SAMPLES");
    const std::string own = algo.substr(algo.find('[') + 1, algo.find(']') - algo.find('[') - 1);
    CHECK(algo.find("low-degree, kernel") != std::string::npos);
    if (id == "cnn-cyclic") CHECK(samples.find("[100000]") != std::string::npos);
    if (id == "gnn-degree-parity") CHECK(samples.find("[150]") != std::string::npos);
    CHECK_MESSAGE(help.find("The values are those of --algo " + own + ".") != std::string::npos, help);
  }
  const std::string kernel = accepted(f, {"learn", "cnn-cyclic", "--algo", "kernel", "--help"});
  CHECK(entry(kernel, "--samples SAMPLES").find("[1000]") != std::string::npos);
  CHECK(entry(kernel, "--width WIDTH").find("[") != std::string::npos);
  CHECK(entry(kernel, "--lambda LAMBDA").find("[auto]") != std::string::npos);
  CHECK(kernel.find("--a-min") == std::string::npos);  // no learner of the family reads it
  for (const char* command : {"gradvar", "tau-threshold"})
    CHECK(entry(accepted(f, {command, "cnn-cyclic", "--help"}), "--width WIDTH").find("[") != std::string::npos);
}

TEST_CASE("help: common flags stand where they have an effect, all commands take them") {
  const Folder f;
  const std::set<std::string> seeded{"families show", "families sample", "families check", "certify",
                                     "train",         "learn",           "bound",          "gradvar"},
      threaded{"train", "sweep run", "sweep plan", "reproduce", "gradvar", "tau-threshold", "doctor", "bench"};
  for (const Arguments& words : all_commands(f)) {
    const std::string name = words.size() > 1 ? words[0] + " " + words[1] : words[0];
    if (name == "families" || name == "sweep") continue;
    const std::string help = accepted(f, words + Arguments{"--help"});
    CAPTURE(name);
    CHECK((help.find("\n  --seed SEED ") != std::string::npos) == seeded.contains(name));
    CHECK((help.find("\n  --threads THREADS ") != std::string::npos) == threaded.contains(name));
    CHECK((help.find("--init-seed and --data-seed") == std::string::npos || name == "train" || name == "learn" ||
           name == "gradvar"));
    CHECK(f.run(words + Arguments{"--seed", "3", "--threads", "1", "--progress", "none", "-v", "--help"}).code ==
          0);
  }
}

TEST_CASE("help: plot lists the kinds of figures, and bench is told of without its program") {
  const Folder f;
  const std::string plot = accepted(f, {"plot", "--help"});
  const auto kinds = plot.find("\nKinds of figures:\n");
  REQUIRE(kinds != std::string::npos);
  for (const char* kind : {"frontier", "phase", "scaling", "survival", "exchange", "learning-curves", "correlation",
                           "progress", "verdicts", "final-loss", "train-test", "gradvar", "queries", "anything"})
    CHECK_MESSAGE(plot.find(std::string("\n  ") + kind + " ", kinds) != std::string::npos, kind);
  const std::string bench = accepted(f, {"bench", "--help"});
  CHECK(bench.find("ninja -C build bench/eqnn-bench") != std::string::npos);
  CHECK(bench.find("--no-peers") != std::string::npos);
  CHECK(accepted(f, {"help", "bench"}) == bench);
}

TEST_CASE("help: manual pages of all commands") {
  const Folder f;
  std::string see = f.run({"manual"}).out;
  for (const Arguments& words : all_commands(f)) {
    if (words.size() > 1) continue;
    CHECK(see.find("eqnn\\-" + words[0].substr(0, words[0].find('-'))) != std::string::npos);
    const std::string page = f.run({"manual", words[0]}).out;
    CHECK(page.starts_with(".TH eqnn-" + words[0]));
    for (const std::string& line : lines(page)) CHECK(line.find("\\\\") == std::string::npos);
  }
  // Values of flags, arguments in the synopsis, files, environment, and exit codes as they are.
  const std::string plot = f.run({"manual", "plot"}).out, train = f.run({"manual", "train"}).out;
  CHECK(plot.find("\n.B \\-\\-size WxH\n") != std::string::npos);
  CHECK(plot.find(".SH SYNOPSIS\n.B eqnn plot\nRESULTS... [FLAGS]\n") != std::string::npos);
  CHECK(f.run({"manual", "diff"}).out.find("\nRUN OTHER [FLAGS]\n") != std::string::npos);
  CHECK(f.run({"manual", "sweep"}).out.find("\n.B eqnn sweep run\nFILE [FLAGS]\n") != std::string::npos);
  CHECK(train.find("\n.SH FILES\n") != std::string::npos);
  for (const char* part : {"\n.SH ENVIRONMENT\n", "NO_COLOR", "\n.SH EXIT STATUS\n", "\n.B 75\n"})
    CHECK(train.find(part) != std::string::npos);
  CHECK(f.run({"manual", "tag"}).out.find("\\(dqthe one of the talk\\(dq") != std::string::npos);
  refused(f, {"manual", "nosuch"}, 2, "not a subcommand");
  CHECK(f.run({"manual", "sweep"}).out.find("\\-\\-retry\\-failed") != std::string::npos);
}

}  // namespace test_help
