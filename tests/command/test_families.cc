// eqnn families and predict: samples, values, certificates, facts, and files that are refused.
#include <doctest/doctest.h>
#include <eqnn/hard/family.h>
#include <eqnn/io/npz.h>

#include <cmath>
#include <cstring>

#include "support/command.h"

namespace test_families {

using namespace cli;

namespace {

const std::string kFamily = "gnn-degree-parity";

Arguments families(const std::string& command, const Arguments& more) {
  return Arguments{"families", command, kFamily} + more;
}

// The bytes of an array's first `count` examples.
std::vector<std::byte> prefix(const eqnn::NpyArray& a, eqnn::Index count) {
  const auto bytes = a.bytes.size() / static_cast<std::size_t>(a.shape.at(0)) * static_cast<std::size_t>(count);
  return {a.bytes.begin(), a.bytes.begin() + static_cast<std::ptrdiff_t>(bytes)};
}

}  // namespace

TEST_CASE("families list and show: every key, and the exact facts of a member") {
  const Folder f;
  const Json list = Json::parse(accepted(f, {"families", "list", "--json"}));
  REQUIRE(list.size() >= 1);
  for (const Json& family : list)
    for (const char* key : {"id", "theorem", "group", "definition", "input_law", "control", "parameters"})
      CHECK(family.contains(key));
  CHECK(accepted(f, {"families", "list"}).find(kFamily) != std::string::npos);

  // {2, 4} at n = 4 is edge parity: p_S = 1/2, so it has no bias; {1} has p_S = 1/8, bias (3/4)^4.
  f.write("m.json", R"({"n": 4, "self_loops": false, "S": [2, 4], "b": 0})");
  const Json fair = Json::parse(accepted(f, families("show", {"--member", "m.json", "--json"})));
  CHECK(fair["bias"] == 0);
  CHECK(fair["p_S"] == 0.5);
  CHECK(fair["norm_sq"] == 1);
  CHECK(fair["target_variance"] == 1);
  CHECK(fair["n_eff"].get<double>() > 1);
  CHECK(fair["member"]["S"] == Json({2, 4}));
  f.write("m.json", R"({"n": 4, "S": [1], "b": 1})");
  const Outcome biased = f.run(families("show", {"--member", "m.json", "--json"}));
  CHECK(biased.code == 0);
  CHECK(lines(biased.err).at(0).starts_with("eqnn: warning: "));
  CHECK(Json::parse(biased.out)["mean_sign"].get<double>() == doctest::Approx(-std::pow(0.75, 4)).epsilon(1e-14));
  CHECK(accepted(f, families("show", {"--member", "m.json", "-q"})).find("bias") != std::string::npos);
}

TEST_CASE("families sample: reproducible, extendable, with its member beside it") {
  const Folder f;
  const auto sample = [&](const std::string& out, const std::string& count, const Arguments& more = {}) {
    accepted(f, families("sample", Arguments{"--n", "5", "--count", count, "--out", out} + more));
    return eqnn::read_npz(f / out);
  };
  const auto nine = sample("nine.npz", "9"), five = sample("five.npz", "5"), again = sample("again.npz", "9");
  CHECK(f.read("nine.npz") == f.read("again.npz"));
  CHECK(nine.at("adjacency").shape == std::vector<eqnn::Index>{9, 5, 5});
  CHECK(nine.at("adjacency").dtype == "|u1");
  CHECK(nine.at("y").dtype == "<f8");
  for (const char* name : {"adjacency", "y"}) CHECK(prefix(nine.at(name), 5) == five.at(name).bytes);
  CHECK(f.read("nine.member.json") == f.read("five.member.json"));
  CHECK(Json::parse(f.read("nine.member.json"))["n"] == 5);
  for (const char* name : {"member.n", "member.S", "member.b", "member.self_loops"}) CHECK(nine.count(name) == 1);

  // --seed is the default of both seeds, and each moves its own part only.
  sample("seed.npz", "9", {"--seed", "3"});
  sample("both.npz", "9", {"--member-seed", "3", "--data-seed", "3"});
  const auto data = sample("data.npz", "9", {"--data-seed", "3"});
  CHECK(f.read("seed.npz") == f.read("both.npz"));
  CHECK(f.read("data.member.json") == f.read("nine.member.json"));
  CHECK(data.at("adjacency").bytes == eqnn::read_npz(f / "seed.npz").at("adjacency").bytes);
  CHECK(data.at("adjacency").bytes != nine.at("adjacency").bytes);
  // A large sample crosses the blocks that it is made in.
  const auto large = sample("large.npz", "5000");
  CHECK(prefix(large.at("y"), 9) == nine.at("y").bytes);
}

TEST_CASE("families eval and check: the member's own values, and exit 4 when one is altered") {
  const Folder f;
  accepted(f, families("sample", {"--n", "5", "--count", "200", "--out", "d.npz"}));
  for (const char* member : {"d.member.json", "d.npz"}) {
    accepted(f, families("eval", {"--member", member, "--in", "d.npz", "--out", "y.npz", "--force"}));
    CHECK(eqnn::read_npz(f / "y.npz").at("y").bytes == eqnn::read_npz(f / "d.npz").at("y").bytes);
    accepted(f, families("check", {"--member", member, "--in", "d.npz"}));
  }
  auto arrays = eqnn::read_npz(f / "d.npz");
  std::vector<double> y = eqnn::as_doubles(arrays.at("y"));
  for (const double wrong : {1 - y[77], 0.5, std::nan(""), y[77] + 1e-6}) {
    std::vector<double> altered = y;
    altered[77] = wrong;
    arrays["y"] = eqnn::npy_array<double>({200}, altered);
    eqnn::write_npz(f / "bad.npz", arrays);
    const Json j =
        Json::parse(accepted(f, families("check", {"--member", "d.npz", "--in", "bad.npz", "--json"}), 4));
    CHECK(j["pass"] == false);
    CHECK(j["checks"][0]["value"] == 1);
  }
}

TEST_CASE("families check: a certificate, each row with its tolerance") {
  const Folder f;
  const Json j = Json::parse(accepted(f, families("check", {"--n", "4", "--json"})));
  CHECK(j["pass"] == true);
  CHECK(j["checks"].size() >= 4);
  for (const Json& c : j["checks"]) {
    CHECK(c["pass"] == true);
    for (const char* key : {"name", "value", "expected", "tolerance", "how"}) CHECK(c.contains(key));
  }
  const std::string text = accepted(f, families("check", {"--n", "15"}));
  CHECK(text.find("tolerance") != std::string::npos);
  CHECK(text.find("FAIL") == std::string::npos);
  const Json gram =
      Json::parse(accepted(f, families("check", {"--n", "6", "--members", "4", "--member-seed", "2", "--json"})));
  CHECK(gram["pass"] == true);
}

TEST_CASE("member files that are refused: 3 when they do not parse, 2 for a value not allowed") {
  const Folder f;
  accepted(f, families("sample", {"--n", "4", "--count", "3", "--out", "d.npz"}));
  const auto member = [&](const std::string& text, int code, const std::string& fragment = "") {
    f.write("m.json", text);
    CAPTURE(text.substr(0, 80));
    refused(f, families("eval", {"--member", "m.json", "--in", "d.npz", "--out", "y.npz"}), code, fragment);
    refused(f, tiny({"--member", "m.json", "--out", "run"}) + Arguments{"--n", "4"}, code, fragment);
  };
  const std::string whole = R"({"n": 4, "self_loops": false, "S": [2, 4], "b": 0})";
  for (std::size_t cut = 0; cut < whole.size(); cut += 7) member(whole.substr(0, cut), 3, "m.json");
  member(std::string(100000, '['), 3);
  member("\xff\xfe", 3);
  member(R"({"n": 4, "S": [0]})", 2, "1 to 4");
  member(R"({"n": 4, "S": [5]})", 2, "1 to 4");
  member(R"({"n": 4, "S": []})", 2);
  member(R"({"n": 4, "S": [1, 2, 3, 4]})", 2);
  member(R"({"n": 4, "S": [2, 2]})", 2, "twice");
  member(R"({"n": 1, "S": [1]})", 2, "n >= 2");
  member(R"({"n": 4, "S": [2], "b": 2})", 2, "b is 2");
  member(R"({"n": 4.5, "S": [2]})", 2, "whole");
  member(R"({"n": 4, "S": "2"})", 2);
  member(R"({"n": 4, "S": [2], "m": 1})", 2, "unknown key");
  member(R"({"S": [2]})", 2, "'n'");
  member("[]", 2);
  f.write("m.json", R"({"n": 6, "S": [3]})");
  refused(f, families("show", {"--n", "8", "--member", "m.json"}), 2, "has 6");
  refused(f, families("eval", {"--member", "m.json", "--in", "d.npz", "--out", "y.npz"}), 3, "[count, 6, 6]");
  for (const char* path : {"missing.json", ".", "missing.npz"})
    refused(f, families("show", {"--member", path}), 3, path);
}

TEST_CASE("data files that are refused: exit 3, whatever is wrong with them") {
  const Folder f;
  accepted(f, families("sample", {"--n", "4", "--count", "30", "--out", "d.npz"}));
  const Arguments eval = families("eval", {"--member", "d.member.json", "--in", "bad.npz", "--out", "y.npz"});
  const std::string whole = f.read("d.npz");
  for (const std::size_t cut :
       {std::size_t{0}, std::size_t{1}, std::size_t{30}, whole.size() / 2, whole.size() - 22, whole.size() - 1}) {
    f.write("bad.npz", whole.substr(0, cut));
    CAPTURE(cut);
    refused(f, eval, 3, "bad.npz");
  }
  std::string flipped = whole;
  flipped[100] = static_cast<char>(flipped[100] ^ 1);
  for (const std::string& bytes :
       {flipped, std::string("PK"), std::string("not an archive"), f.read("d.member.json")}) {
    f.write("bad.npz", bytes);
    refused(f, eval, 3, "bad.npz");
  }
  auto arrays = eqnn::read_npz(f / "d.npz");
  std::vector<double> entries = eqnn::as_doubles(arrays.at("adjacency"));
  for (const double wrong : {2.0, 0.5, std::nan("")}) {
    entries[21] = wrong;
    arrays["adjacency"] = eqnn::npy_array<double>({30, 4, 4}, entries);
    eqnn::write_npz(f / "bad.npz", arrays);
    refused(f, eval, 3, "example 1");
  }
  arrays.erase("adjacency");
  eqnn::write_npz(f / "bad.npz", arrays);
  refused(f, eval, 3, "'adjacency'");
  std::filesystem::remove(f / "bad.npz");
  refused(f, eval, 3, "bad.npz");
  refused(f, families("check", {"--member", "d.member.json", "--in", "."}), 3, "folder");
}

TEST_CASE("outputs: kept without --force, folders never replaced, and nothing half-written") {
  const Folder f;
  accepted(f, families("sample", {"--n", "4", "--count", "30", "--out", "d.npz"}));
  refused(f, families("sample", {"--n", "4", "--count", "9", "--out", "d.npz"}), 2, "--force");
  refused(f, families("eval", {"--member", "d.npz", "--in", "d.npz", "--out", "d.npz"}), 2, "--force");
  std::filesystem::remove(f / "d.npz");  // its member file alone is enough to stop it
  refused(f, families("sample", {"--n", "4", "--count", "9", "--out", "d.npz"}), 2, "d.member.json");
  accepted(f, families("sample", {"--n", "4", "--count", "9", "--out", "d.npz", "--force"}));
  std::filesystem::create_directory(f / "home");
  f.write("home/letter", "dear");
  refused(f, families("sample", {"--n", "4", "--count", "9", "--out", "home", "--force"}), 2, "folder");
  refused(f, families("eval", {"--member", "d.npz", "--in", "d.npz", "--out", "home", "--force"}), 2, "folder");
  refused(f, families("sample", {"--n", "4", "--count", "9", "--out", "none/d.npz"}), 3, "none");
  refused(f, families("sample", {"--n", "4", "--count", "9", "--out", "/dev/full"}), 3, "space");
  accepted(f, families("sample", {"--n", "4", "--count", "9000", "--out", "large.npz"}));
  const Setting small{.largest_file = 400};  // room for the member, and for messages
  refused(f, families("sample", {"--n", "4", "--count", "9000", "--out", "e.npz"}), 3, "e.npz", small);
  refused(f, families("eval", {"--member", "d.npz", "--in", "large.npz", "--out", "e.npz"}), 3, "e.npz", small);
  if (Disk disk(f, "disk", "size=8k"); disk.made())
    refused(f, families("sample", {"--n", "12", "--count", "9000", "--out", "disk/e.npz"}), 3, "space");
  if (Disk disk(f, "ro", "size=8k", true); disk.made())
    refused(f, families("sample", {"--n", "4", "--count", "3", "--out", "ro/e.npz"}), 3, "Read-only");
}

TEST_CASE("file names may hold anything") {
  const Folder f;
  for (const std::string name :
       {"a b.npz", "h\u00f6he \u03c0.npz", "x\xff.npz", "new\nline.npz", "'$(x)\".npz", "-dash.npz"}) {
    CAPTURE(name);
    accepted(f, families("sample", {"--n", "4", "--count", "3", "--out=" + name, "--json"}));
    accepted(f, families("eval", {"--member=" + name, "--in=" + name, "--out=y.npz", "--force", "--json"}));
    accepted(f, families("check", {"--member=" + name, "--in=" + name, "--json"}));
    refused(f, families("sample", {"--n", "4", "--count", "3", "--out=" + name}), 2, "exists");
  }
}

TEST_CASE("predict: the outputs that the recorded test loss is made of") {
  const Folder f;
  for (const std::string dtype : {"f32", "f64"})
    for (const auto& [model, average] :
         {std::pair{"gnn", "none"}, {"mlp", "none"}, {"mlp", "family"}, {"mlp", "C6:4"}}) {
      const std::string run = dtype + model + average, in = run + ".npz", out = run + "-y.npz";
      f.run(
          tiny({"--dtype", dtype, "--model", model, "--data-seed", "5", "--test-average", average, "--out", run}));
      const Json result = Json::parse(f.read(run + "/result.json"));
      const auto member = eqnn::hard::family(kFamily).parse(result["member"].dump());
      std::vector<double> x(200 * 36), y(200);
      const eqnn::Block<double> block{x.data(), 200, 6, 6, 6};
      member->sample({5, eqnn::Stream::test, 0, 0}, block);
      member->targets(eqnn::Block<const double>{x.data(), 200, 6, 6, 6}, y.data());
      eqnn::write_npz(f / in, {{"adjacency", eqnn::npy_array<double>({200, 6, 6}, x)}});
      accepted(f, {"predict", run, "--in", in, "--out", out, "--average", average});
      const std::vector<double> p = eqnn::as_doubles(eqnn::read_npz(f / out).at("y"));
      REQUIRE(p.size() == 200);
      double loss = 0;
      for (std::size_t i = 0; i < p.size(); ++i) loss += (p[i] - y[i]) * (p[i] - y[i]) / 200;
      CHECK(loss == doctest::Approx(result["test_loss"].get<double>()).epsilon(dtype == "f64" ? 1e-12 : 1e-5));
    }
}

TEST_CASE("predict: runs and files that are refused") {
  const Folder f;
  f.run(tiny({"--out", "run"}));
  accepted(f, families("sample", {"--n", "6", "--count", "5", "--out", "x.npz"}));
  accepted(f, families("sample", {"--n", "4", "--count", "5", "--out", "four.npz"}));
  const auto predict = [](const std::string& run, const std::string& in) {
    return Arguments{"predict", run, "--in", in, "--out", "y.npz"};
  };
  refused(f, predict("none", "x.npz"), 3, "none");
  refused(f, predict(".", "x.npz"), 2, "run.json");
  refused(f, predict("x.npz", "x.npz"), 2, "is a file");
  refused(f, predict("run", "none.npz"), 3, "none.npz");
  refused(f, predict("run", "four.npz"), 3, "[count, 6, 6]");
  refused(f, predict("run", "x.npz") + Arguments{"--average", "C5"}, 2, "5 points; the inputs have 6");
  refused(f, predict("run", "x.npz") + Arguments{"--average", "family:x"}, 2, "--average");
  refused(f, {"predict", "run", "--in", "x.npz", "--out", "x.npz"}, 2, "--force");
  refused(f, {"predict", "run", "--in", "x.npz", "--out", "run", "--force"}, 2, "folder");
  const std::string model = f.read("run/model.safetensors");
  for (const std::size_t cut : {std::size_t{0}, std::size_t{7}, std::size_t{60}, model.size() - 1}) {
    f.write("run/model.safetensors", model.substr(0, cut));
    refused(f, predict("run", "x.npz"), 3, "model.safetensors");
  }
  f.write("run/model.safetensors", model);
  std::filesystem::remove(f / "run/result.json");
  refused(f, predict("run", "x.npz"), 3, "--resume");
}

TEST_CASE("families eval: a member file may leave out d, which the inputs or --d then say") {
  const Folder f;
  for (const std::string family : {"rotation-invariant", "cnn-cyclic"}) {
    accepted(f, {"families", "sample", family, "--n", "5", "--k", "4", "--d", "2", "--count", "3", "--out", "a.npz",
                 "--force"});
    Json member = Json::parse(f.read("a.member.json"));
    CHECK(member.at("d") == 2);
    member.erase("d");
    f.write("m.json", member.dump());
    accepted(f, {"families", "eval", family, "--member", "m.json", "--in", "a.npz", "--out", "y.npz", "--force"});
    CHECK(eqnn::read_npz(f / "y.npz").at("y").bytes == eqnn::read_npz(f / "a.npz").at("y").bytes);
    const Json facts =
        Json::parse(accepted(f, {"families", "show", family, "--member", "m.json", "--d", "2", "--json"}));
    CHECK(facts.at("d") == 2);
    CHECK(Json::parse(accepted(f, {"families", "show", family, "--member", "m.json", "--json"})).at("d") == 1);
  }
  accepted(f, {"families", "check", "gnn-feature", "--d", "6", "--graph", "er", "-q"});
}

}  // namespace test_families
