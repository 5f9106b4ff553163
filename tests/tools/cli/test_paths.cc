// What stands at a path, and what cannot be known.
#include <doctest/doctest.h>

#include <eqnn/core/check.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "cli/paths.h"

namespace test_paths {

namespace {

namespace fs = std::filesystem;

// A folder of its own, removed at the end.
struct Place {
  std::string path = fs::temp_directory_path() / "eqnn-paths-XXXXXX";
  Place() { REQUIRE(mkdtemp(path.data()) != nullptr); }
  ~Place() { fs::remove_all(path); }
  std::string operator/(const std::string& name) const { return path + "/" + name; }
};

}  // namespace

TEST_CASE("paths: what is there, and what is not") {
  const Place p;
  std::ofstream(p / "file") << "x";
  fs::create_symlink("file", p / "link");
  fs::create_symlink("nowhere", p / "broken");
  fs::create_symlink("circle", p / "circle");
  CHECK(tools::is_there(p / "file"));
  CHECK(tools::is_there(p / "link"));
  CHECK(tools::is_there(p.path));
  for (const char* name : {"none", "none/deeper", "file/deeper", "broken", "circle"})
    CHECK_FALSE(tools::is_there(p / name));
  CHECK(tools::is_plain_file(p / "link"));
  CHECK_FALSE(tools::is_plain_file(p.path));
  CHECK(tools::is_folder(p.path));
  CHECK_FALSE(tools::is_folder(p / "file"));
  for (const char* name : {"file", "link", "broken", "circle"}) CHECK(tools::is_taken(p / name));
  CHECK_FALSE(tools::is_taken(p / "none"));
}

// A name that is too long is a question that the system does not answer, for any user and on any disk.
TEST_CASE("paths: what cannot be known is an error, and no absence") {
  const Place p;
  const std::string name = p / std::string(5000, 'x');
  CHECK_THROWS_AS(tools::is_there(name), eqnn::FileError);
  CHECK_THROWS_AS(tools::is_folder(name), eqnn::FileError);
  CHECK_THROWS_AS(tools::is_plain_file(name), eqnn::FileError);
  CHECK_THROWS_AS(tools::is_taken(name), eqnn::FileError);
  CHECK_THROWS_AS(tools::remove_file(name), eqnn::FileError);
}

TEST_CASE("paths: a file is removed, and nothing is where nothing was") {
  const Place p;
  std::ofstream(p / "file") << "x";
  tools::remove_file(p / "file");
  CHECK_FALSE(tools::is_taken(p / "file"));
  tools::remove_file(p / "file");
  std::ofstream(p / "inner") << "x";
  CHECK_THROWS_AS(tools::remove_file(p.path), eqnn::FileError);
  CHECK(tools::is_there(p / "inner"));
}

}  // namespace test_paths
