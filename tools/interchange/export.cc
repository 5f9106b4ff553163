// `eqnn export`: a trained network as a file that other programs read.

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include <eqnn/io/files.h>
#include <eqnn/io/npz.h>

#include "cli/json.h"
#include "cli/note.h"
#include "cli/paths.h"
#include "commands.h"
#include "interchange/exported_run.h"
#include "interchange/onnx.h"
#include "interchange/torch.h"
#include "interchange/weights_file.h"

namespace tools {
namespace {

constexpr Index kVerified = 8, kExample = 32;  // inputs that --verify compares, and that --example writes

struct ExportFlags {
  std::string run, to, out, example;
  bool verify = false, force = false;

  bool weights_alone() const { return to == "safetensors" || to == "npz"; }
};

// What --verify found. Differences are over max(1, the largest |value| of the output).
struct Verification {
  std::string array;  // the first that is not as it was
  Index values = 0;
  double largest = 0;   // from the network's values
  double rounding = 0;  // what rounding every operator's value to float amounts to; 0 for double
  bool single = true;

  // Where a network magnifies rounding, float can tell no more than that.
  double tolerance() const { return single ? std::max(1e-5, 10 * rounding) : 1e-12; }
  bool pass() const { return array.empty() && largest <= tolerance(); }
  Json json() const {
    Json j{{"values", values},
           {"largest_difference", number_json(largest)},
           {"rounding", number_json(rounding)},
           {"tolerance", number_json(tolerance())},
           {"pass", pass()}};
    if (!array.empty()) j["array"] = array;
    return j;
  }
};

double largest_difference(const std::vector<double>& found, const std::vector<double>& wanted) {
  require(wanted.size() == found.size(), "an output has ", found.size(), " values, and the network's ",
          wanted.size());
  double scale = 1, difference = 0;
  for (const double y : wanted)
    if (std::isfinite(y)) scale = std::max(scale, std::abs(y));
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const double d = std::abs(found[i] - wanted[i]);
    const bool equal = found[i] == wanted[i] || (std::isnan(found[i]) && std::isnan(wanted[i]));
    if (!equal && !std::isfinite(d)) return HUGE_VAL;
    if (!equal) difference = std::max(difference, d);
  }
  return difference == 0 ? 0 : difference / scale;
}

bool same_place(const std::string& a, const std::string& b) {
  std::error_code error;
  const auto place = [&](const std::string& p) {
    return std::filesystem::weakly_canonical(std::filesystem::absolute(p, error), error);
  };
  return place(a) == place(b) && !error;
}

// Into a folder: the module last, so that one without it is none.
void write_torch(const ExportFlags& flags, const NetworkGraph& graph, const std::string& description,
                 const std::string& weights) {
  namespace fs = std::filesystem;
  const std::string module = torch_module(graph, description), path = flags.out + "/model.py";
  const std::string constants = flags.out + "/constants.safetensors";
  const bool there = is_taken(flags.out);
  require(!there || flags.force, flags.out, " exists; give --force to replace it, or another --out");
  require(!there || is_folder(flags.out), flags.out, " is a file; --to torch writes a folder: name another --out");
  std::error_code error;
  fs::create_directories(flags.out, error);
  require<eqnn::FileError>(!error, flags.out, ": the folder cannot be made: ", error.message(),
                           "; choose another --out");
  try {
    if (there) remove_file(path);
    eqnn::write_atomically(flags.out + "/weights.safetensors", weights);
    const auto arrays = torch_constants(graph);
    if (there) remove_file(constants);
    if (!arrays.empty()) eqnn::write_atomically(constants, eqnn::encode_safetensors(arrays));
    eqnn::write_atomically(path, module);
  } catch (const eqnn::FileError&) {
    if (!there) fs::remove_all(flags.out, error);
    throw;
  }
}

std::vector<eqnn::NamedArray> written_arrays(const ExportFlags& flags,
                                             const std::vector<eqnn::NamedArray>& wanted) {
  if (flags.to == "torch") return read_weights(flags.out + "/weights.safetensors", "safetensors", wanted).arrays;
  return read_weights(flags.out, flags.to, wanted).arrays;
}

// The graph, of an ONNX file as it was read again, on inputs of the test.
Verification verified(const ExportFlags& flags, ExportedRun& run, const NetworkGraph* graph) {
  Verification v;
  const auto parameters = run.parameters();
  v.array = first_difference(parameters, written_arrays(flags, parameters));
  v.single = parameters.empty() || parameters[0].dtype == "F32";
  if (graph == nullptr) return v;
  const GraphArrays example = run.example(kVerified);
  const NetworkGraph read = flags.to == "onnx" ? decode_onnx(eqnn::read_file(flags.out), flags.out) : *graph;
  const GraphArrays exact = evaluate(read, example), rounded = v.single ? evaluate(read, example, true) : exact;
  for (const auto& [name, found] : exact) {
    v.values += static_cast<Index>(found.values.size());
    v.largest = std::max(v.largest, largest_difference(found.values, example.at(name).values));
    v.rounding = std::max(v.rounding, largest_difference(rounded.at(name).values, found.values));
  }
  return v;
}

void write_example(const std::string& path, const GraphArrays& arrays, const NetworkGraph* graph) {
  eqnn::NpzArrays archive;
  for (const auto& [name, a] : arrays) {
    const bool whole = name == "edge_index" || name == "batch";
    const bool single = graph->real == ElementType::f32;
    if (whole)
      archive[name] =
          eqnn::npy_array<std::int64_t>(a.shape, std::vector<std::int64_t>(a.values.begin(), a.values.end()));
    else if (single)
      archive[name] = eqnn::npy_array<float>(a.shape, std::vector<float>(a.values.begin(), a.values.end()));
    else
      archive[name] = eqnn::npy_array<double>(a.shape, a.values);
  }
  eqnn::write_npz(path, archive);
}

Json values_json(const std::vector<GraphValue>& values) {
  Json list = Json::array();
  for (const GraphValue& v : values) list.push_back({{"name", v.name}, {"shape", v.shape}});
  return list;
}
std::string values_text(const std::vector<GraphValue>& values) {
  std::string text;
  for (const GraphValue& v : values) {
    std::string shape;
    for (const std::string& size : v.shape) shape += concat(shape.empty() ? "" : ", ", size);
    text += concat(text.empty() ? "" : ", ", v.name, " [", shape, "]");
  }
  return text;
}

void tell(const ExportFlags& flags, const Common& common, const std::vector<eqnn::NamedArray>& parameters,
          const NetworkGraph* graph, const std::optional<Verification>& v) {
  Json j{{"out", flags.out}, {"to", flags.to}, {"arrays", parameters.size()}};
  if (graph != nullptr) {
    j["operators"] = graph->nodes.size();
    j["inputs"] = values_json(graph->inputs);
    j["outputs"] = values_json(graph->outputs);
  }
  if (v) j["verify"] = v->json();
  if (common.json) {
    fmt::print("{}\n", to_text(j));
  } else if (!common.quiet) {
    fmt::print("{}: {} arrays of parameters\n", flags.out, parameters.size());
    if (graph != nullptr)
      fmt::print("takes {}; gives {}; {} operators\n", values_text(graph->inputs), values_text(graph->outputs),
                 graph->nodes.size());
    if (v && v->pass())
      fmt::print("verified: the arrays are equal; {} values differ by {:.2g} at most (allowed {:g})\n", v->values,
                 v->largest, v->tolerance());
  }
}

int export_run(const ExportFlags& flags, const Common& common) {
  const RunDirectory directory(flags.run);
  const TrainConfig c = directory.config();
  const auto run = open_run(directory, c, make_examples(c), true);
  const bool alone = flags.weights_alone();
  require(!alone || flags.example.empty(), "--example goes with --to onnx or torch; --to ", flags.to,
          " writes the weights alone");
  std::optional<NetworkGraph> graph;
  if (!alone) graph = run->graph();
  const NetworkGraph* const g = graph ? &*graph : nullptr;
  require(flags.example.empty() || !same_place(flags.example, flags.out), "--example and --out are both ",
          flags.out, "; give the example a file of its own");
  if (flags.to != "torch") claim_output(flags.out, flags.force);
  if (!flags.example.empty()) claim_output(flags.example, flags.force);
  const auto parameters = run->parameters();
  const std::string id = run_id(c),
                    weights = eqnn::encode_safetensors(parameters, {{"format", "pt"}, {"run_id", id}});
  const std::string description = concat("The network ", c.model, " of run ", id, ", as eqnn export wrote it.");
  if (flags.to == "safetensors") eqnn::write_atomically(flags.out, weights);
  if (flags.to == "npz") write_weights_npz(flags.out, parameters);
  if (flags.to == "onnx") eqnn::write_atomically(flags.out, encode_onnx(*g, {{"model", c.model}, {"run_id", id}}));
  if (flags.to == "torch") write_torch(flags, *g, description, weights);
  if (!flags.example.empty()) write_example(flags.example, run->example(kExample), g);
  std::optional<Verification> v;
  if (flags.verify) v = verified(flags, *run, g);
  tell(flags, common, parameters, g, v);
  if (!v || v->pass()) return kDone;
  if (!v->array.empty())
    note("eqnn: not verified: array '{}' of {} is not as the run has it\n", v->array, flags.out);
  else
    note("eqnn: not verified: values of {} differ by {:.2g} from the network's; {:g} is allowed\n", flags.out,
         v->largest, v->tolerance());
  return kAnsweredNo;
}

std::vector<std::string> export_kinds() { return {"onnx", "torch", "safetensors", "npz"}; }

}  // namespace

void add_export(CommandLine& line) {
  Subcommand sub =
      line.add("export", "a trained network as an ONNX file, a PyTorch module, or its weights alone", "Train");
  auto flags = std::make_shared<ExportFlags>();
  sub.example("eqnn export runs/parity --to onnx -o parity.onnx --verify");
  sub.example("eqnn export runs/parity --to torch -o parity --example example.npz");
  sub.required("RUN", flags->run, "run directory");
  sub.takes("RUN", {"/"});
  sub.required("--to", flags->to, "onnx, torch (a folder with model.py), safetensors or npz (the weights)");
  sub.knows(export_kinds());
  sub.required("-o,--out", flags->out, "file, or for torch a folder");
  sub.takes("FILE", {"*"});
  sub.option("--example", flags->example, "npz for inputs of the test and what the network gives for them");
  sub.takes("FILE", {".npz"});
  sub.toggle("--verify", flags->verify, "read it again and compare with the network; exit 4 where they differ");
  sub.toggle("--force", flags->force, "replace an existing output");
  sub.runs([flags](const Common& common) {
    const std::vector<std::string> known = export_kinds();
    require(std::ranges::find(known, flags->to) != known.end(), "--to is '", flags->to,
            "'; allowed are onnx, torch, safetensors and npz");
    return export_run(*flags, common);
  });
}

}  // namespace tools
