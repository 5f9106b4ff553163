#include "cli/other_words.h"

#include <algorithm>
#include <string_view>

#include <eqnn/core/spelling.h>

namespace tools {
namespace {

// Without dashes at the front, and with - for _. What is in the second place is tried in turn, separated by blanks.
struct OtherWord {
  std::string_view theirs, ours;
};
constexpr OtherWord kOtherWords[] = {{"epochs", "steps"},
                                     {"epoch", "steps"},
                                     {"num-epochs", "steps"},
                                     {"n-epochs", "steps"},
                                     {"iterations", "steps"},
                                     {"iters", "steps"},
                                     {"max-iter", "steps"},
                                     {"max-steps", "steps"},
                                     {"num-steps", "steps"},
                                     {"batch-size", "batch"},
                                     {"bs", "batch"},
                                     {"batchsize", "batch"},
                                     {"learning-rate", "lr"},
                                     {"rate", "lr"},
                                     {"eta", "lr"},
                                     {"optim", "optimizer"},
                                     {"opt", "optimizer"},
                                     {"scheduler", "schedule"},
                                     {"lr-schedule", "schedule"},
                                     {"lr-scheduler", "schedule"},
                                     {"wd", "weight-decay"},
                                     {"l2", "weight-decay"},
                                     {"hidden", "width"},
                                     {"hidden-size", "width"},
                                     {"hidden-dim", "width"},
                                     {"hidden-channels", "width"},
                                     {"dim", "width"},
                                     {"channels", "width"},
                                     {"layers", "depth"},
                                     {"num-layers", "depth"},
                                     {"n-layers", "depth"},
                                     {"network", "model"},
                                     {"arch", "model"},
                                     {"architecture", "model"},
                                     {"precision", "dtype"},
                                     {"nodes", "n"},
                                     {"num-nodes", "n"},
                                     {"size", "n"},
                                     {"num-samples", "samples count"},
                                     {"n-samples", "samples count"},
                                     {"train-samples", "samples"},
                                     {"test-size", "test-samples"},
                                     {"early-stopping", "patience"},
                                     {"grad-clip", "clip-norm"},
                                     {"clip-grad-norm", "clip-norm"},
                                     {"output", "out"},
                                     {"outdir", "out"},
                                     {"output-dir", "out"},
                                     {"out-dir", "out"},
                                     {"save", "out"},
                                     {"logdir", "out"},
                                     {"save-dir", "out"},
                                     {"checkpoint", "out"},
                                     {"overwrite", "force"},
                                     {"input", "in"},
                                     {"workers", "jobs threads"},
                                     {"num-workers", "jobs threads"},
                                     {"cores", "threads"},
                                     {"num-threads", "threads"},
                                     {"jobs", "threads"},
                                     {"random-seed", "seed"},
                                     {"random-state", "seed"},
                                     {"algorithm", "algo"},
                                     {"learner", "algo"},
                                     {"type", "figure"},
                                     {"database", "db"},
                                     {"debug", "verbose"},
                                     {"loglevel", "verbose"},
                                     {"log-level", "verbose"},
                                     {"silent", "quiet"},
                                     {"dry", "dry-run"},
                                     {"tolerance", "tau"},
                                     {"labels", "tag"}};

constexpr std::string_view kDevices[] = {"gpu", "gpus", "cuda", "device", "devices", "accelerator"};

}  // namespace

std::string flag_hint(const std::string& word, const std::vector<std::string>& known) {
  const std::string dashes = word.starts_with("--") ? "--" : "";
  std::string plain = word.substr(dashes.size());
  std::replace(plain.begin(), plain.end(), '_', '-');
  if (std::find(std::begin(kDevices), std::end(kDevices), plain) != std::end(kDevices))
    return "; everything here runs on the processor, on --threads threads";
  const auto knows = [&](const std::string& name) {
    return std::find(known.begin(), known.end(), name) != known.end();
  };
  for (const OtherWord& other : kOtherWords) {
    if (other.theirs != plain) continue;
    for (std::string_view ours = other.ours; !ours.empty();) {
      const std::size_t end = std::min(ours.find(' '), ours.size());
      if (const std::string name = dashes + std::string(ours.substr(0, end)); knows(name))
        return "; here it is '" + name + "'";
      ours.remove_prefix(std::min(end + 1, ours.size()));
    }
  }
  return eqnn::spelling_hint(word, known);
}

}  // namespace tools
