// The checkpoint of a run: of a plain one (a), and of one through an oracle (b), which keeps a log.
#include "harness.h"
#include "results/run_directory.h"
#include "results/schema.h"
#include "train/resolve.h"

namespace {

struct Run {
  tools::TrainConfig config;
  tools::Examples examples;
  std::unique_ptr<tools::Training> training;

  explicit Run(const tools::RawOptions& more) {
    tools::RawOptions options = {{"family", "gnn-degree-parity"},
                                 {"n", "4"},
                                 {"depth", "1"},
                                 {"width", "2"},
                                 {"batch", "4"},
                                 {"steps", "100"},
                                 {"head-width", "2"},
                                 {"shard", "4"}};
    options.insert(options.end(), more.begin(), more.end());
    config = tools::resolve_config(options, 0);
    examples = tools::make_examples(config);
    training = tools::make_training(config, examples, 1);
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Run plain({}), asking({{"oracle", "csq"}, {"tau", "0.1"}});
  static const fuzz::InputFolder folder;
  std::string_view bytes = fuzz::text_of(data, size);
  Run& run = fuzz::take_choice(bytes, 2) == 0 ? plain : asking;
  folder.write("checkpoint.safetensors", bytes);
  const tools::RunDirectory directory(folder.path());
  fuzz::reads([&] {
    const tools::RunState state = directory.read_checkpoint(*run.training, "run", run.config.steps);
    fuzz::add_up(state.recent_losses);
    fuzz::expect(state.metrics_length >= 0 && run.training->steps_done() == state.steps,
                 "the run goes on from there");
    if (run.training->oracle() != nullptr) fuzz::sink = run.training->oracle()->log().largest;
    fuzz::sink = run.training->step(nullptr);
  });
  return 0;
}
