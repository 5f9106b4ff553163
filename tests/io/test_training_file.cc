// Training files, and models of which a part is loaded.
#include <doctest/doctest.h>
#include <eqnn/core/trainer.h>
#include <eqnn/io/files.h>
#include <eqnn/io/training_file.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include "support/folder.h"
#include "support/small_training.h"
#include "support/thrown.h"

namespace test_training_file {

using namespace eqnn;
using eqnn::testing::Folder;
using eqnn::testing::kNames;
using eqnn::testing::kOptimizers;
using eqnn::testing::Net;
using eqnn::testing::Run;
namespace fs = std::filesystem;

namespace {

// k steps, save, load into new objects, k steps; with a rate that was set and a restart before, where asked for.
template <class T>
void check_saved(const Folder& folder, const TrainerOptions& o, bool steered) {
  const auto first_half = [&](Run<T>& run) {
    run.steps(5);
    if (!steered) return;
    run.trainer.restart(run.trainer.options().optimizer, run.trainer.options().schedule);
    run.steps(3);
    run.trainer.set_rate(0.7 * run.trainer.rate());
  };
  Run<T> whole(o, 6, 0.2), first(o, 6, 0.2);
  first_half(whole);
  first_half(first);
  whole.steps(6);
  const std::string path = folder / "training.safetensors";
  save_training(path, first.trainer,
                {{"best", 0.1}, {"waited", 3}, {"none", std::numeric_limits<double>::infinity()}});
  const std::string bytes = read_file(path);
  Run<T> second(o, 6, 0.2);
  second.steps(2);  // of which nothing stays
  const TrainingNumbers numbers = load_training(path, second.trainer);
  CHECK(numbers ==
        TrainingNumbers{{"best", 0.1}, {"waited", 3}, {"none", std::numeric_limits<double>::infinity()}});
  CHECK(second.state() == first.state());
  CHECK(second.trainer.steps_done() == first.trainer.steps_done());
  CHECK(second.trainer.restarted_at() == first.trainer.restarted_at());
  CHECK(second.trainer.rate() == first.trainer.rate());
  save_training(path, second.trainer, numbers);
  CHECK(read_file(path) == bytes);
  second.steps(6);
  CHECK(second.state() == whole.state());
  CHECK(first.state() != whole.state());
}

}  // namespace

TEST_CASE_TEMPLATE("k steps, a file, and k steps more are 2k steps, bit for bit", T, float, double) {
  const Folder folder;
  const Schedule schedules[] = {{},
                                {.kind = Schedule::Kind::cosine, .steps = 14, .warmup = 3, .floor = 0.1},
                                {.custom = [](std::uint64_t s) { return 1 / (1 + 0.1 * static_cast<double>(s)); }}};
  for (const Optimizer& o : kOptimizers)
    for (const Schedule& schedule : schedules)
      for (const bool steered : {false, true})
        check_saved<T>(folder,
                       {.batch = 10,
                        .shard = 4,
                        .threads = 1,
                        .optimizer = o,
                        .schedule = schedule,
                        .groups = {{"*.bias", 2, 0}, {"head.0.*", 0.3}},
                        .clip_norm = 0.5,
                        .seed = 77},
                       steered);
}

TEST_CASE("a training file that does not fit is refused with one line, and changes nothing") {
  const Folder folder;
  const std::string path = folder / "t.safetensors";
  const TrainerOptions options{.batch = 8, .shard = 4, .threads = 1, .seed = 3};
  Run<float> saved(options);
  saved.steps(3);
  save_training(path, saved.trainer);
  const auto refused = [&](Run<float>& run, const std::string& file) {
    run.steps(1);
    const auto before = run.state();
    const std::string said = message<FileError>([&] { load_training(file, run.trainer); });
    CHECK(said.find('\n') == said.npos);
    CHECK(said.starts_with(file + ": "));
    CHECK(run.state() == before);
    CHECK(run.trainer.steps_done() == 1);
    return said;
  };
  const auto with = [&](auto change) {
    TrainerOptions o = options;
    change(o);
    Run<float> run(o);
    return refused(run, path);
  };
  CHECK(with([](auto& o) { o.batch = 12; }) ==
        path +
            ": was saved with batch 8, and this Trainer has 12; make it with "
            "the options of the one that was saved");
  CHECK(contains(with([](auto& o) { o.shard = 2; }), "was saved with shard 4, and this Trainer has 2"));
  CHECK(contains(with([](auto& o) { o.row_block = 4; }), "this Trainer has"));
  CHECK(contains(with([](auto& o) { o.seed = 4; }), "was saved with seed 3, and this Trainer has 4"));
  CHECK(contains(with([](auto& o) { o.strict = true; }), "was saved with strict 0"));
  CHECK(contains(with([](auto& o) { o.clip_norm = 0.5; }), "was saved with clip_norm 0, and this Trainer has 0.5"));
  CHECK(contains(with([](auto& o) { o.optimizer = Sgd{}; }),
                 "was saved with optimizer adam, and this Trainer has sgd"));
  CHECK(contains(with([](auto& o) { o.schedule = {.kind = Schedule::Kind::step}; }),
                 "was saved with schedule constant"));
  CHECK(contains(with([](auto& o) { o.schedule.custom = [](std::uint64_t) { return 1.0; }; }),
                 "this Trainer has custom"));
  CHECK(contains(with([](auto& o) {
                   o.groups = {{"spare", 0}};
                 }),
                 "was saved with groups none, and this Trainer has spare 0 1"));

  Run<float> wider(options, 7);
  CHECK(contains(refused(wider, path), "the file is of another model"));
  Run<double> other(options);
  CHECK(contains(message<FileError>([&] { load_training(path, other.trainer); }), "is F32"));
  CHECK(contains(message<FileError>([&] { load_training(folder / "none", saved.trainer); }), "none"));

  // Truncated anywhere; changed; a model's file; another version.
  Run<float> run(options);
  const std::string bytes = read_file(path), part = folder / "part";
  for (std::size_t size = 0; size < bytes.size(); size += 1 + bytes.size() / 40) {
    write_atomically(part, std::string_view(bytes).substr(0, size));
    CHECK(contains(message<FileError>([&] { load_training(part, run.trainer); }), part));
  }
  // A flipped bit is an error, or a file of other values.
  int loads = 0, errors = 0;
  for (std::size_t at = 0; at < bytes.size(); at += 1 + bytes.size() / 300) {
    std::string flipped = bytes;
    flipped[at] = static_cast<char>(flipped[at] ^ (1 << at % 8));
    write_atomically(part, flipped);
    Run<float> into(options);
    const auto before = into.state();
    try {
      load_training(part, into.trainer);
      ++loads;
    } catch (const FileError&) {
      ++errors;
      CHECK(into.state() == before);
    }
  }
  CHECK(loads > 0);
  CHECK(errors > 0);
  save_model(part, saved.params);
  CHECK(contains(message<FileError>([&] { load_training(part, run.trainer); }),
                 "format is ''; eqnn-training-1 of save_training is needed"));
  const auto edited = [&](const std::string& key, const std::string& value) {
    SafeTensors file = decode_safetensors(bytes, path);
    value.empty() ? static_cast<void>(file.metadata.erase(key)) : static_cast<void>(file.metadata[key] = value);
    write_atomically(part, encode_safetensors(file.arrays, file.metadata));
    return message<FileError>([&] { load_training(part, run.trainer); });
  };
  CHECK(contains(edited("format", "eqnn-training-9"), "format is 'eqnn-training-9'"));
  CHECK(contains(edited("step", "three"), "'step' is 'three'; a number is needed"));
  CHECK(contains(edited("step", ""), "has no 'step'"));
  CHECK(contains(edited("optimizer.rate", "-1"), "the learning rate is -1"));
  CHECK(contains(edited("restarted_at", "9"), "restarted at step 9, after its step 3"));
  SafeTensors file = decode_safetensors(bytes, path);
  file.arrays.push_back({"optimizer.momentum.spare", "F32", {3}, std::vector<std::byte>(12)});
  write_atomically(part, encode_safetensors(file.arrays, file.metadata));
  CHECK(contains(refused(run, part), "is of no moment of this Trainer's optimiser"));
}

TEST_CASE("a training file that cannot be written leaves the old one") {
  const Folder folder;
  Run<float> run({.batch = 4, .threads = 1});
  run.steps(1);
  CHECK_THROWS_AS(save_training(folder / "none/t.safetensors", run.trainer), FileError);
  const std::string path = folder / "t.safetensors";
  save_training(path, run.trainer);
  const std::string before = read_file(path);
  CHECK_THROWS_AS(save_training(path, run.trainer, {{"\xff", 1}}), ValueError);
  CHECK(read_file(path) == before);
  CHECK(std::distance(fs::directory_iterator(folder.path), fs::directory_iterator()) == 1);
}

TEST_CASE_TEMPLATE("matching parameters are loaded by name, and the report tells of all", T, float, double) {
  const Folder folder;
  const std::string path = folder / "m.safetensors";
  Run<T> old({.batch = 4, .threads = 1});
  old.steps(3);
  save_model(path, old.params);

  Params<T> p;
  const Linear<T> wide(p, "head.0", 6, 9), fresh(p, "tail", 2, 2), end(p, "head.1", 5, 1);
  const Param spare = p.vector("spare", 3, 0);
  const auto load_unset = [&] { load_matching(path, p); };
  CHECK(contains(message(load_unset), "has 3 of 7 parameters, and the others were never set"));
  CHECK(!p.is_set());
  p.initialize(kaiming_uniform, 8);
  const std::vector<T> before(p.values().begin(), p.values().end());
  for (const std::string& bad : {folder / "none", folder / "empty"}) {
    write_atomically(folder / "empty", "");
    CHECK_THROWS_AS(load_matching(bad, p), FileError);
    CHECK(std::equal(before.begin(), before.end(), p.values().begin()));
  }
  const LoadReport r = load_matching(path, p);
  const std::string type = sizeof(T) == 4 ? "F32" : "F64";
  CHECK(r.loaded == std::vector<std::string>{"head.1.weight", "head.1.bias", "spare"});
  CHECK(r.missing == std::vector<std::string>{"tail.weight", "tail.bias"});
  CHECK(r.other_shape ==
        std::vector<std::string>{"head.0.weight: " + type + " [5, 6] in the file, " + type + " [9, 6] in the model",
                                 "head.0.bias: " + type + " [5] in the file, " + type + " [9] in the model"});
  CHECK(r.unused == std::vector<std::string>{"conv.weight", "conv.bias"});
  for (Index i = 0; i < 5; ++i)
    CHECK(p.view(end.weight)(i, 0) == old.params.view(old.params.find("head.1.weight").slice)(i, 0));
  CHECK(p.view(spare)(0, 2) == old.params.view(old.net.spare)(0, 2));
  for (const Param& kept : {wide.weight, wide.bias, fresh.weight, fresh.bias})
    for (Index i = 0; i < kept.rows * kept.stride; ++i)
      CHECK(p.values()[kept.offset + i] == before[static_cast<std::size_t>(kept.offset + i)]);

  // Of a training file, behind its prefix.
  save_training(path, old.trainer);
  Params<T> all;
  const Net<T> net(all);
  const LoadReport whole = load_matching(path, all, "model.");
  CHECK(whole.loaded == kNames);
  CHECK(whole.unused.empty());
  CHECK(
      std::equal(all.values().begin(), all.values().end(), old.params.values().begin(), old.params.values().end()));
}

}  // namespace test_training_file
