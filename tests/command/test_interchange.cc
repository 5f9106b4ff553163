// eqnn export and eqnn import: the files that other programs read, and the runs that are made of theirs.
#include <doctest/doctest.h>

#include <eqnn/io/npz.h>
#include <eqnn/io/safetensors.h>

#include <cmath>
#include <vector>

#include "support/command.h"
#include "support/paths.h"

namespace test_interchange {

using namespace cli;

namespace {

struct Network {
  std::string name;
  Arguments train;
};

Arguments small(const std::string& what, const Arguments& more) {
  return Arguments{"train", what} + more + Arguments{"--width",        "5",   "--batch",   "8", "--steps", "30",
                                                     "--test-samples", "100", "--threads", "1", "-q"};
}

// Every network of `train` that can be said.
std::vector<Network> networks() {
  const std::string graphs = paths::source("tests/data/rings_and_stars.txt");
  return {
      {"gnn", small("gnn-degree-parity", {"--n", "5", "--depth", "2"})},
      {"mean", small("gnn-degree-parity", {"--n", "5", "--adjacency", "mean", "--norm", "layer"})},
      {"gin",
       small("gnn-degree-parity", {"--n", "5", "--model", "gin", "--adjacency", "centred", "--pool", "sqrt"})},
      {"mlp",
       small("boolean-orbit", {"--n", "6", "--model", "mlp", "--loss", "cross-entropy", "--activation", "gelu"})},
      {"fixed", small("gnn-feature", {"--n", "5", "--d", "3", "--k", "2", "--adjacency", "sqrt"})},
      {"cnn", small("cnn-cyclic", {"--n", "8", "--k", "2", "--depth", "2", "--filter", "3", "--norm", "graph"})},
      {"sort", small("frame-parity", {"--n", "6", "--k", "2"})},
      {"cyclic", small("frame-parity", {"--n", "6", "--k", "2", "--frame", "cyclic"})},
      {"group", small("cnn-cyclic", {"--n", "6", "--k", "2", "--model", "group-mlp", "--dtype", "f64"})},
      {"deepsets", small("boolean-orbit", {"--group", "symmetric", "--n", "6"})},
      {"poly", small("invariant-poly", {"--r", "8", "--degree", "2", "--terms", "2"})},
      {"labelled", small("rotation-invariant", {"--n", "4", "--k", "2", "--model", "labelled-egnn"})},
      {"sparse",
       Arguments{"train", "--data", graphs,  "--format", "gin", "--model", "gin", "--width",   "4", "--depth",
                 "2",     "--norm", "graph", "--steps",  "20",  "--batch", "4",   "--threads", "1", "-q"}},
  };
}

void write_clouds(const Folder& f) {
  std::vector<double> x, y;
  for (int i = 0; i < 60; ++i) {
    double sum = 0;
    for (int k = 0; k < 8; ++k) x.push_back(std::sin(i * 7 + k * k)), sum += std::cos(x.back());
    y.push_back(sum);
  }
  eqnn::write_npz(f / "clouds.npz",
                  {{"x", eqnn::npy_array<double>({60, 4, 2}, x)}, {"y", eqnn::npy_array<double>({60}, y)}});
}

eqnn::SafeTensors arrays_of(const Folder& f, const std::string& name) {
  return eqnn::decode_safetensors(f.read(name), name);
}

}  // namespace

TEST_CASE("interchange: every network's ONNX file and PyTorch module compute what it does") {
  const Folder f;
  write_clouds(f);
  std::vector<Network> all = networks();
  all.push_back({"egnn", Arguments{"train", "--data", "clouds.npz", "--format", "npz", "--model", "egnn", "--width",
                                   "4", "--depth", "2", "--steps", "20", "--batch", "4", "--threads", "1", "-q"}});
  for (const Network& n : all) {
    INFO(n.name);
    accepted(f, n.train + Arguments{"--out", n.name});
    const Json onnx =
        Json::parse(accepted(f, {"export", n.name, "--to", "onnx", "-o", n.name + ".onnx", "--verify", "--json"}));
    CHECK(onnx["verify"]["pass"] == true);
    CHECK(onnx["verify"]["values"].get<int>() >= 8);
    const std::string file = f.read(n.name + ".onnx");
    const eqnn::SafeTensors model = arrays_of(f, n.name + "/model.safetensors");
    CHECK(onnx["arrays"] == model.arrays.size());
    for (const eqnn::NamedArray& a : model.arrays)  // the bytes of every parameter stand there, and its name
      for (const std::string& part :
           {a.name, std::string(reinterpret_cast<const char*>(a.bytes.data()), a.bytes.size())})
        CHECK(file.find(part) != std::string::npos);
    accepted(f, {"export", n.name, "--to", "torch", "-o", n.name + "-torch", "--verify", "-q"});
    CHECK(f.read(n.name + "-torch/weights.safetensors") == f.read(n.name + "/model.safetensors"));
    for (const Json& v : onnx["inputs"])
      CHECK(f.read(n.name + "-torch/model.py").find(v["name"].get<std::string>()) != std::string::npos);
  }
}

TEST_CASE("interchange: inputs have the names and shapes that predict reads, and examples what it gives") {
  const Folder f;
  accepted(f, small("gnn-degree-parity", {"--n", "5", "--loss", "cross-entropy", "--out", "run"}));
  const Json j =
      Json::parse(accepted(f, {"export", "run", "--to", "onnx", "-o", "m.onnx", "--example", "e.npz", "--json"}));
  CHECK(j["inputs"] == Json::parse(R"([{"name": "adjacency", "shape": ["batch", "5", "5"]}])"));
  CHECK(j["outputs"][0] == Json::parse(R"({"name": "y", "shape": ["batch"]})"));
  CHECK(j["outputs"][1] == Json::parse(R"({"name": "logits", "shape": ["batch", "2"]})"));
  accepted(f, {"predict", "run", "--in", "e.npz", "--out", "y.npz"});
  const auto example = eqnn::read_npz(f / "e.npz"), predicted = eqnn::read_npz(f / "y.npz");
  std::vector<double> wanted = eqnn::as_doubles(predicted.at("y"));
  for (double& v : wanted) v = static_cast<double>(static_cast<float>(v));  // as the graph has it
  CHECK(eqnn::as_doubles(example.at("y")) == wanted);
  CHECK(example.at("adjacency").shape == std::vector<eqnn::Index>{32, 5, 5});
  // The same file again, bit for bit.
  accepted(f, {"export", "run", "--to", "onnx", "-o", "again.onnx", "-q"});
  CHECK(f.read("m.onnx") == f.read("again.onnx"));
}

TEST_CASE("interchange: weights go out and come back in every format, bit for bit") {
  const Folder f;
  accepted(f, small("cnn-cyclic", {"--n", "6", "--k", "4", "--out", "run"}));
  accepted(f, small("cnn-cyclic", {"--n", "6", "--k", "4", "--out", "other", "--init-seed", "7"}));
  accepted(f, {"families", "sample", "cnn-cyclic", "--n", "6", "--k", "4", "--count", "20", "--out", "x.npz"});
  accepted(f, {"predict", "run", "--in", "x.npz", "--out", "wanted.npz"});
  std::string id;
  for (const std::string kind : {"safetensors", "npz", "onnx"}) {
    INFO(kind);
    accepted(f, {"export", "run", "--to", kind, "-o", "w." + kind, "--verify", "-q"});
    const Json j = Json::parse(
        accepted(f, {"import", "other", "--weights", "w." + kind, "-o", "from-" + kind, "--verify", "--json"}));
    CHECK(j["verify"]["pass"] == true);
    CHECK((id.empty() || j["run_id"] == id));
    id = j["run_id"].get<std::string>();
    CHECK(arrays_of(f, "from-" + kind + "/model.safetensors").metadata["run_id"] == id);
    accepted(f, {"predict", "from-" + kind, "--in", "x.npz", "--out", kind + ".npz"});
    CHECK(f.read(kind + ".npz") == f.read("wanted.npz"));
  }
  accepted(f, {"certify", "from-onnx", "-q"});
  accepted(f, {"collect", "run", "other", "from-onnx", "--db", "results.db", "--csv", "results.csv", "-q"});
  CHECK(f.read("results.csv").find(id) != std::string::npos);
  CHECK(lines(f.read("results.csv")).size() == 4);
}

TEST_CASE("interchange: what cannot be said is named, and its weights can still be had") {
  const Folder f;
  for (const std::string model : {"pca-mlp", "canonical-mlp", "weighted-mlp"}) {
    accepted(f, small("rotation-invariant", {"--n", "4", "--k", "2", "--model", model, "--out", model}));
    refused(f, {"export", model, "--to", "onnx", "-o", "m.onnx"}, 6, "has no translation to ONNX");
    refused(f, {"export", model, "--to", "torch", "-o", "m"}, 6, model == "pca-mlp" ? "'pca_frame'" : "_frame");
    accepted(f, {"export", model, "--to", "safetensors", "-o", model + ".safetensors", "--verify", "-q"});
  }
}

TEST_CASE("interchange: what does not fit is refused in one line, and nothing is left") {
  const Folder f;
  accepted(f, small("boolean-orbit", {"--n", "6", "--model", "mlp", "--out", "run"}));
  accepted(f, small("boolean-orbit", {"--n", "7", "--model", "mlp", "--out", "larger"}));
  accepted(f, small("boolean-orbit", {"--n", "6", "--model", "poly", "--out", "foreign"}));
  for (const std::string kind : {"safetensors", "npz", "onnx"}) {
    accepted(f, {"export", "run", "--to", kind, "-o", "w." + kind, "-q"});
    refused(f, {"import", "larger", "--weights", "w." + kind, "-o", "new"}, 3, "'layers.0.weight' is F32 [5, 6]");
    refused(f, {"import", "foreign", "--weights", "w." + kind, "-o", "new"}, 3,
            "has no array 'layers.first.u.weight'");
    refused(f, {"export", "run", "--to", kind, "-o", "w." + kind}, 2, "exists");
  }
  refused(f, {"export", "run", "--to", "torch", "-o", "w.onnx", "--force"}, 2, "is a file");
  refused(f, {"export", "run", "--to", "onnx", "-o", "run"}, 2, "is a folder");
  refused(f, {"export", "run", "--to", "tensorflow", "-o", "x"}, 2, "allowed are onnx, torch");
  refused(f, {"export", "run", "--to", "npz", "-o", "x", "--example", "y"}, 2, "--example goes with");
  refused(f, {"export", "run", "--to", "onnx", "-o", "x.onnx", "--example", "./x.onnx"}, 2, "are both");
  refused(f, {"export", "run", "--to", "onnx", "-o", "none/x.onnx"}, 3, "none/x.onnx");
  refused(f, {"export", "nowhere", "--to", "onnx", "-o", "x"}, 3, "no such run directory");
  refused(f, {"import", "run", "--weights", "w.pt", "-o", "new"}, 2, "safetensors.torch.save_file");
  refused(f, {"import", "run", "--weights", "nothing.npz", "-o", "new"}, 3, "nothing.npz");
  refused(f, {"import", "run", "--weights", "w.npz", "-o", "larger"}, 2, "exists");
  f.write("cut.onnx", f.read("w.onnx").substr(0, 300));
  refused(f, {"import", "run", "--weights", "cut.onnx", "-o", "new"}, 3, "cut.onnx");
  accepted(f, {"import", "run", "--weights", "w.npz", "-o", "larger", "--force", "-q"});
  CHECK(arrays_of(f, "larger/model.safetensors").array("layers.0.weight").shape == std::vector<eqnn::Index>{5, 6});
}

}  // namespace test_interchange
