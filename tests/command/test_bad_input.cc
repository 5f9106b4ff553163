// Input that is wrong, as one table: each case ends with its exit code and one line, writes nothing, and takes
// neither more than seconds of processor time nor more than a gigabyte or two.
#include <doctest/doctest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "support/command.h"
#include "support/sanitized.h"
#include "train/config.h"

namespace test_bad_input {

using namespace cli;

namespace {

int cases = 0;

void bad(const Folder& f, const Arguments& arguments, int code) {
  ++cases;
  Setting bounded{.under = {"prlimit", "--cpu=60"}};
  if (!kSanitized) bounded.under.push_back("--as=2000000000");
  refused(f, arguments, code, "", bounded);
}

Arguments train(const std::string& flag, const std::string& value) {
  return {"train", "gnn-degree-parity", "--n", "4", flag + "=" + value, "--out", "x"};
}

// What no number and no name is, of what a file or a flag could hold.
const std::vector<std::string> kJunk{"", "junk", "1 2", "0x1F", "--", "1,5", "1e", "٣", "nan"};

// Contents that no format takes.
std::vector<std::pair<std::string, std::string>> junk_files() {
  std::string deep, bytes;
  for (int i = 0; i < 100000; ++i) deep += "[";
  for (int i = 0; i < 4096; ++i) bytes += static_cast<char>(i * 37 % 251);
  return {{"empty", ""},
          {"blank", "\n \n\t\n"},
          {"zeros", std::string(300, '\0')},
          {"bytes", bytes},
          {"deep", deep},
          {"long", std::string(1 << 20, 'a')},
          {"gzip", "\x1f\x8b\x08" + std::string(60, '\0')},
          {"zip", "PK\x03\x04" + std::string(60, '\0')},
          {"utf16", std::string("\xff\xfe\x31\x00\x2c\x00\x32\x00", 8)},
          {"huge", "99999999999999 1\n999999999999 1\n0 99999999999\n"},
          {"huge-length", std::string("\xff\xff\xff\xff\xff\xff\xff\x7f{}", 10)},
          {"html", "<!DOCTYPE html>\n<title>404</title>\n"},
          {"json", "{\"a\": [1, 2, {\"b\": null}]}"},
          {"names", "a,b\nc,d\n"}};
}

}  // namespace

TEST_CASE("bad input: every flag of train with values that are none") {
  const Folder f;
  for (const tools::ConfigField& field : tools::config_fields()) {
    if (field.name == "data" || field.name == "init-from") continue;  // any text may be a path
    // A process with sanitizers takes a third of a second to start.
    for (std::size_t i = 0; i < (kSanitized ? 2 : kJunk.size()); ++i) bad(f, train("--" + field.name, kJunk[i]), 2);
  }
  CHECK(cases > (kSanitized ? 90 : 400));
}

TEST_CASE("bad input: files of every format, and files that are none") {
  const Folder f;
  std::filesystem::create_directory(f / "folder");
  for (const auto& [name, text] : junk_files()) f.write(name, text);
  std::vector<std::string> paths{"missing", "folder", "folder/missing"};
  for (const auto& [name, text] : junk_files()) paths.push_back(name);
  // The readers themselves run under sanitizers in tests/fuzz: of their 140 processes here a third.
  for (std::size_t i = 0; i < paths.size(); i += kSanitized ? 3 : 1) {
    const std::string& path = paths[i];
    for (const char* format : {"gin", "tudataset", "npz", "csv"})
      bad(f, {"train", "--data", path, "--format", format, "--out", "x"}, 3);
    bad(f, {"predict", "folder", "--in", path, "-o", "x.npz"}, 2);
    if (path != "folder") bad(f, {"collect", path, "--db", "x.db"}, 3);  // a folder without runs has none
    if (path != "folder") bad(f, {"table", path}, 3);
    bad(f, {"train", "gnn-degree-parity", "--init-from", path, "--out", "x"}, 3);
    bad(f, {"tag", path, "--tag", "x"}, 3);
    bad(f, {"diff", path, path}, 3);
    bad(f, {"report", path, "-o", "x.html"}, 3);
    bad(f, {"reduce", "--in", path, "--out", "x.npz"}, 3);
  }
}

TEST_CASE("bad input: files of settings and members") {
  const Folder f;
  for (const auto& file : junk_files()) {
    const std::string &name = file.first, &text = file.second;
    if (name == "empty" || name == "blank") continue;  // TOML without a key is TOML
    f.write(name + ".toml", text);
    f.write(name + ".json", text);
    const Outcome config = f.run({"train", "--config", name + ".toml", "--out", "x"}),
                  sweep = f.run({"sweep", "run", name + ".toml", "--out", "x"}),
                  member = f.run({"train", "gnn-degree-parity", "--member", name + ".json", "--out", "x"});
    for (const Outcome& r : {config, sweep, member}) {
      ++cases;
      CAPTURE(name);
      CAPTURE(r.err);
      CHECK((r.code == 2 || r.code == 3));
      CHECK(one_error_line(r.err));
      CHECK(r.out.empty());
    }
    CHECK(!f.has("x"));
  }
}

}  // namespace test_bad_input
