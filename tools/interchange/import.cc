// `eqnn import`: weights from a file into a run of the same network.

#include <fmt/core.h>

#include <filesystem>

#include <eqnn/core/hash.h>
#include <eqnn/io/files.h>

#include "cli/json.h"
#include "commands.h"
#include "interchange/exported_run.h"
#include "interchange/weights_file.h"

namespace tools {
namespace {

struct ImportFlags {
  std::string run, weights, out;
  bool verify = false, force = false;
};

// Of the run whose network it is, and of the weights: another run than that one, and the same wherever it is made.
std::string imported_id(const std::string& of, const std::vector<eqnn::NamedArray>& arrays) {
  eqnn::Hash hash;
  hash.add(std::vector<char>(of.begin(), of.end()));
  for (const eqnn::NamedArray& a : arrays)
    hash.add(reinterpret_cast<const unsigned char*>(a.bytes.data()), a.bytes.size());
  return hash.text();
}

// What is known of it without training or testing: no loss, and no verdict.
Json result_of(const TrainConfig& c, const Json& description, const std::vector<eqnn::NamedArray>& arrays) {
  Json r;
  r["run_id"] = description["run_id"];
  r["family"] = c.data.empty() ? c.family : "data";
  Json params = Json::object();
  for (const auto& [name, value] : c.params) params[name] = typed_json(value);
  r["params"] = params;
  if (description.contains("member")) r["member"] = description["member"];
  r["control"] = c.control;
  r["model"] = c.model;
  Index count = 0;
  for (const eqnn::NamedArray& a : arrays) count += static_cast<Index>(a.bytes.size()) / (a.dtype == "F32" ? 4 : 8);
  r["parameters"] = count;
  r["seeds"] = {{"member", c.member_seed}, {"init", c.init_seed}, {"data", c.data_seed}};
  r["imported"] = description["imported"];
  r["verdict"] = nullptr;
  return r;
}

void write_run(RunDirectory& directory, const Json& description, const std::string& weights, const Json& result) {
  directory.create(to_text(description, 2) + "\n");
  try {
    eqnn::write_atomically(directory.file("model.safetensors"), weights);
    directory.write_result(result);
  } catch (const eqnn::FileError&) {
    directory.remove();
    throw;
  }
}

int import_weights(const ImportFlags& flags, const Common& common) {
  const RunDirectory source(flags.run);
  const TrainConfig c = source.config();
  const auto run = open_run(source, c, make_examples(c), false);
  const eqnn::SafeTensors file = read_weights(flags.weights, run->parameters());
  run->set_parameters(file);
  const auto arrays = run->parameters();
  Json description = parse_json(eqnn::read_file(source.file("run.json")), source.file("run.json"));
  const std::string of = run_id(c), id = imported_id(of, arrays);
  description["imported"] = {{"run_id", of}, {"weights", flags.weights}};
  description["run_id"] = id;
  RunDirectory directory(flags.out);
  std::error_code error;
  require(!std::filesystem::equivalent(flags.out, flags.run, error), "RUN and --out are both ", flags.out,
          "; the weights go into a new run: name another --out");
  require(!directory.exists() || flags.force, flags.out, " exists; give --force to replace it, or another --out");
  if (directory.exists()) directory.remove();
  write_run(directory, description, eqnn::encode_safetensors(arrays, {{"format", "pt"}, {"run_id", id}}),
            result_of(c, description, arrays));
  std::string wrong;
  if (flags.verify)
    wrong = first_difference(file.arrays, read_weights(directory.file("model.safetensors"), {}).arrays);
  if (common.json) {
    Json j{{"out", flags.out}, {"run_id", id}, {"arrays", arrays.size()}};
    if (flags.verify) j["verify"] = {{"pass", wrong.empty()}};
    fmt::print("{}\n", to_text(j));
  } else if (!common.quiet) {
    fmt::print("{}: run {}, {} arrays of {}{}\n", flags.out, id, arrays.size(), flags.weights,
               !flags.verify   ? ""
               : wrong.empty() ? "; verified: they are equal"
                               : concat("; verified: array '", wrong, "' is not that of the file"));
  }
  return wrong.empty() ? kDone : kAnsweredNo;
}

}  // namespace

void add_import(CommandLine& line) {
  Subcommand sub = line.add("import", "weights from a file into a run of the same network", "Train");
  auto flags = std::make_shared<ImportFlags>();
  sub.example("eqnn import runs/parity --weights tuned.safetensors -o runs/tuned");
  sub.required("RUN", flags->run, "run directory whose network it is");
  sub.takes("RUN", {"/"});
  sub.required("--weights", flags->weights,
               ".safetensors or .npz with the names of the state dict, or an .onnx that export wrote");
  sub.takes("FILE", {".safetensors", ".npz"});
  sub.required("-o,--out", flags->out, "the new run directory");
  sub.takes("DIR", {"/"});
  sub.toggle("--verify", flags->verify, "read it again and compare with the file; exit 4 where they differ");
  sub.toggle("--force", flags->force, "replace an existing run");
  sub.runs([flags](const Common& common) { return import_weights(*flags, common); });
}

}  // namespace tools
