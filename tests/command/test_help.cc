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
    for (const std::string& line : lines(f.run(words).out))
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
      if (words[0] == "bench") continue;  // a program of its own
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
  CHECK(offered({"report", "results.db", "-o", ""}).empty());  // a file: the shell knows those
  CHECK(offered({"reproduce", "exch"}) == Words{"exchange"});
  CHECK(offered({"train", "--quiet", "cnn"}) == Words{"cnn-cyclic"});
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
  CHECK(f.run({"manual", "tag"}).out.find("\\(dqthe one of the talk\\(dq") != std::string::npos);
  refused(f, {"manual", "nosuch"}, 2, "not a subcommand");
  CHECK(f.run({"manual", "sweep"}).out.find("\\-\\-retry\\-failed") != std::string::npos);
}

}  // namespace test_help
