// The commands of README.md, run as they are printed.
#include <doctest/doctest.h>
#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include "support/command.h"
#include "support/paths.h"
#include "support/sanitized.h"

namespace test_readme {

namespace {

namespace fs = std::filesystem;

// The block of shell commands below "## The command", a command a line.
std::vector<std::string> commands() {
  std::ifstream in(paths::source("README.md"), std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  const std::size_t heading = text.find("\n## The command\n"), begin = text.find("```sh\n", heading) + 6;
  REQUIRE(heading != std::string::npos);
  std::vector<std::string> list;
  std::istringstream lines(text.substr(begin, text.find("```\n", begin) - begin));
  for (std::string line; std::getline(lines, line);) list.push_back(line);
  return list;
}

}  // namespace

TEST_CASE("readme: every command runs as it is printed, and says something") {
  if (kSanitized) return;  // the budgets are those of users
  const cli::Folder f;
  // A clone with its build, as far as the commands look into it.
  const fs::path build = fs::path(paths::command()).parent_path().parent_path();
  fs::create_directory_symlink(build, f / "build");
  for (const char* folder : {"docs", "tests"}) fs::create_directory_symlink(paths::source(folder), f / folder);
  std::string script = "cd '" + f.path() + "'\n";
  std::size_t count = 0;
  for (const std::string& line : commands()) {
    ++count;
    CHECK_MESSAGE(line.find('<') == std::string::npos, line);
    script +=
        "{ " + line + "\n} >'" + f.path() + "/said' 2>&1 || { echo " + std::to_string(count) + "; exit 1; }\n";
    if (line.starts_with("eqnn"))
      script += "test -s said || { echo " + std::to_string(count) + " silent; exit 1; }\n";
  }
  REQUIRE(count > 20);
  f.write("commands.sh", script);
  const int status = std::system(("sh '" + (f / "commands.sh") + "' > '" + (f / "failed") + "'").c_str());
  INFO("command ", f.read("failed"), " said ", f.read("said"));
  CHECK(WEXITSTATUS(status) == 0);
  for (const char* made : {"runs/parity/result.json", "outputs.npz", "results.db", "results.csv"})
    CHECK(f.has(made));
}

}  // namespace test_readme
