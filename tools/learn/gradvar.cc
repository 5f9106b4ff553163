// `eqnn gradvar`: how much the loss gradient varies over the members of a family, at initialisation and along
// training on one of them, beside the second-moment bound and the controls.

#include <algorithm>
#include <cmath>

#include <fmt/core.h>

#include <eqnn/hard/bounds/bounds.h>
#include <eqnn/hard/bounds/gradient_variance.h>
#include <eqnn/hard/families/planar/planar.h>
#include <eqnn/io/files.h>
#include <eqnn/nn/elementwise.h>

#include "cli/json.h"
#include "cli/progress.h"
#include "commands.h"
#include "data/members.h"
#include "results/documents.h"
#include "train/choices.h"
#include "train/data_source.h"
#include "train/resolve.h"
#include "train/training.h"

namespace tools {
namespace {

using eqnn::Batch;
using eqnn::Block;
using eqnn::hard::GradientVariance;
using eqnn::hard::Member;
using eqnn::hard::MemberMoment;
using Members = std::vector<std::shared_ptr<const Member>>;

// The inputs are cut into so many parts, whose gradients have independent noise.
constexpr Index kSplits = 8;
// Inputs for E |dh|^2, one gradient each.
constexpr Index kSingleInputs = 512;

// What is measured at one point of training. All of the gradients of E (h - f)^2.
struct VariancePoint {
  GradientVariance target, control;
  MemberMoment norm_sq;  // E |dh|^2, of the network alone
};

// Estimates at given parameters of the configuration's network, over float or double.
class Probe {
 public:
  virtual ~Probe() = default;
  // `state` as Training::state() has it. `passed` is called after each member, with the passes done.
  virtual VariancePoint measure(const std::vector<eqnn::NamedArray>& state,
                                const std::function<void()>& passed) = 0;
};

template <class T>
class TypedProbe final : public Probe {
 public:
  TypedProbe(const TrainConfig& c, const Members& members, Index samples, int threads)
      : config_(c),
        members_(members),
        samples_(samples),
        inputs_(network_inputs(*members[0])),
        network_(make_network<T>(params_, c, inputs_)),
        products_((params_.initialize(initializer(c), c.init_seed), params_), options(samples / kSplits, threads),
                  [this](eqnn::Program<T>& g) {
                    return mul(network_(g), g.input("y", {}));  // its gradient is the mean of f dh
                  }),
        single_(params_, options(1, 1), [this](eqnn::Program<T>& g) { return network_(g); }) {
    const double bytes = static_cast<double>(kSplits) * static_cast<double>(members.size()) *
                         static_cast<double>(params_.count()) * sizeof(T);
    require(bytes <= 4e9, "the gradients of ", members.size(), " members and ", params_.count(),
            " parameters take more than 4 GB; give fewer --members, or a smaller --width");
  }

  VariancePoint measure(const std::vector<eqnn::NamedArray>& state, const std::function<void()>& passed) override {
    eqnn::load_parameter_arrays<T>(params_, params_.values(), eqnn::SafeTensors{"the trained network", state, {}},
                                   "model.");
    return {scaled(variance(false, passed)), scaled(variance(true, passed)), norm_sq()};
  }

 private:
  eqnn::TrainerOptions options(Index batch, int threads) const {
    return {.batch = batch,
            .shard = config_.shard,
            .threads = threads,
            .seed = config_.data_seed,
            .strict = config_.strict};
  }

  // The inputs of part `step`; the same for all members, and shared with no step of training or test.
  void fill(Batch<T>& b, std::uint64_t step) const {
    const Member& member = *members_[0];
    const Block<T> x = b[inputs_.input.name];
    member.sample({config_.data_seed, eqnn::Stream::test, 1 + step, static_cast<std::uint64_t>(b.first)},
                  Block<T>{x.data, b.last - b.first, x.points, x.channels, x.stride});
    fill_derived<T>(
        config_, member, inputs_, [&](const std::string& name) { return b[name]; }, 0, b.last - b.first);
  }

  GradientVariance variance(bool control, const std::function<void()>& passed) {
    const std::size_t size = params_.values().size(), count = members_.size();
    std::vector<T> gradients(kSplits * count * size);
    for (std::size_t f = 0; f < count; ++f) {
      const Member& member = *members_[f];
      for (std::size_t split = 0; split < kSplits; ++split) {
        products_.gradient([&](Batch<T>& b) {
          fill(b, split);
          const Block<T> x = b[inputs_.input.name];
          const Block<const T> read{x.data, b.last - b.first, x.points, x.channels, x.stride};
          std::vector<T> y(read.examples);
          control ? member.controls(read, y.data()) : member.targets(read, y.data());
          for (Index e = 0; e < read.examples; ++e) b["y"](e) = y[e];
        });
        const auto g = products_.last_gradient();
        std::copy(g.begin(), g.end(), gradients.begin() + static_cast<std::ptrdiff_t>((split * count + f) * size));
      }
      passed();
    }
    return eqnn::hard::gradient_variance(kSplits, static_cast<Index>(count), static_cast<Index>(size),
                                         std::span<const T>(gradients));
  }

  // Of the loss (h - f)^2: g = 2 E h dh - 2 E f dh.
  static GradientVariance scaled(const GradientVariance& v) {
    return {{4 * v.variance.value, 4 * v.variance.error}, {4 * v.signal.value, 4 * v.signal.error}};
  }

  MemberMoment norm_sq() {
    const Index count = std::min(samples_, kSingleInputs);
    double mean = 0, squares = 0;
    for (Index i = 0; i < count; ++i) {
      single_.gradient([&](Batch<T>& b) { fill(b, static_cast<std::uint64_t>(kSplits + i)); });
      double sum = 0;
      for (const T g : single_.last_gradient()) sum += static_cast<double>(g) * static_cast<double>(g);
      mean += sum / static_cast<double>(count);
      squares += sum * sum / static_cast<double>(count);
    }
    return {mean, std::sqrt(std::max(0.0, squares - mean * mean) / static_cast<double>(count - 1))};
  }

  const TrainConfig config_;
  const Members members_;
  const Index samples_;
  const NetworkInputs inputs_;
  eqnn::Params<T> params_;
  Recorder<T> network_;
  eqnn::Trainer<T> products_, single_;
};

std::unique_ptr<Probe> make_probe(const TrainConfig& c, const Members& members, Index samples, int threads) {
  return dispatch(c.dtype, [&]<class T>() -> std::unique_ptr<Probe> {
    return std::make_unique<TypedProbe<T>>(c, members, samples, threads);
  });
}

// --- the command -----------------------------------------------------------------------------------------------

struct GradvarFlags {
  std::string id, out;
  bool force = false;
  TextFlags measures, options;
};

// Fields of `train` that mean nothing here, or are another thing.
bool has_field(const std::string& name) {
  static const std::vector<std::string> without = {
      "data",       "format",       "folds",    "fold",          "samples",    "test-samples",
      "eval-every", "stop-at-loss", "patience", "learned-below", "fails-from", "memorised-train-below"};
  return std::find(without.begin(), without.end(), name) == without.end();
}

// Steps of training, ascending: "0,100,1000".
std::vector<std::uint64_t> parse_points(const std::string& text, Index steps) {
  std::vector<std::uint64_t> points;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const auto step =
        static_cast<std::uint64_t>(parse_integer("points", text.substr(begin, end - begin), 0, steps));
    require(points.empty() || step > points.back(), "--points is ", text, "; steps in ascending order are needed");
    points.push_back(step);
    begin = end + 1;
  }
  return points;
}

// One row: the bound is 4 lambda E |dh|^2, at least signal and so variance.
Json point_json(std::uint64_t step, const VariancePoint& p, const std::optional<eqnn::hard::SecondMoment>& m) {
  Json j;
  j["step"] = step;
  j["variance"] = number_json(p.target.variance.value);
  j["error"] = number_json(p.target.variance.error);
  j["signal"] = number_json(p.target.signal.value);
  j["signal_error"] = number_json(p.target.signal.error);
  const double bound = m ? 4 * m->unit * p.norm_sq.value : NAN;
  j["bound"] = number_json(bound);
  j["bound_error"] = number_json(m ? bound * std::hypot(m->error, p.norm_sq.error / p.norm_sq.value) : NAN);
  j["control_variance"] = number_json(p.control.variance.value);
  j["control_error"] = number_json(p.control.variance.error);
  j["control_signal"] = number_json(p.control.signal.value);
  j["control_signal_error"] = number_json(p.control.signal.error);
  j["network_gradient_sq"] = number_json(p.norm_sq.value);
  j["network_gradient_sq_error"] = number_json(p.norm_sq.error);
  return j;
}

void print_table(const Json& document) {
  const auto text = [](const Json& row, const char* value, const char* error) {
    if (row[value].is_null()) return std::string("-");
    return fmt::format("{:.3g} +- {:.1g}", row[value].get<double>(),
                       row[error].is_null() ? 0.0 : row[error].get<double>());
  };
  fmt::print("{} members, {} inputs; of the gradient of E (h - f)^2, summed over {} parameters\n\n",
             document["members"].get<Index>(), document["samples"].get<Index>(),
             document["parameters"].get<Index>());
  fmt::print("{:>8}  {:>20}  {:>20}  {:>20}  {:>20}  {:>20}\n", "step", "variance", "signal", "bound of both",
             "control variance", "control signal");
  for (const Json& row : document["points"])
    fmt::print("{:>8}  {:>20}  {:>20}  {:>20}  {:>20}  {:>20}\n", row["step"].get<std::uint64_t>(),
               text(row, "variance", "error"), text(row, "signal", "signal_error"),
               text(row, "bound", "bound_error"), text(row, "control_variance", "control_error"),
               text(row, "control_signal", "control_signal_error"));
  fmt::print(
      "\nvariance = E_f |g_f - E_f g_f|^2 over members f, g_f = -2 E f dh the part of the gradient that knows f; "
      "signal = E_f |g_f|^2.\nbound = 4 lambda E |dh|^2{}\n",
      document["lambda"].is_null()
          ? ": no lambda is known here"
          : fmt::format(", {} (lambda {:.4g})", document["lambda_formula"].get<std::string>(),
                        document["lambda"].get<double>()));
}

Members draw_members(const TrainConfig& c, Index count) {
  Members members;
  for (Index i = 0; i < count; ++i)
    members.push_back(eqnn::hard::family(c.family).draw(c.params, c.member_seed + static_cast<std::uint64_t>(i)));
  const auto* planar = dynamic_cast<const eqnn::hard::PlanarMember*>(members[0].get());
  require(planar == nullptr || planar->law().dim() == 0,
          "gradvar gives all members the same inputs, and with --input-dim each has a subspace of its own; leave "
          "it out");
  return members;
}

int gradvar(const GradvarFlags& flags, const Common& common) {
  const TrainConfig c = family_config(flags.id, flags.options.given(), common.seed);
  require(c.loss == "mse", "--loss is ", c.loss, "; gradvar measures the gradient of the squared error, mse");
  require(c.dropout == 0, "--dropout is ", c.dropout, "; gradvar needs a network without dropout, 0");
  const Index count = parse_integer("members", flags.measures.get("members", "16"), 3, 4096),
              samples = parse_integer("samples", flags.measures.get("samples", "4096"), 8 * kSplits, 1 << 30);
  require(samples % kSplits == 0, "--samples is ", samples, "; a multiple of ", kSplits, " is needed");
  const std::string default_points = c.steps >= 1000 ? "0,100,1000" : "0";
  const auto steps = parse_points(flags.measures.get("points", default_points), c.steps);

  const Members members = draw_members(c, count);
  const auto training = make_training(c, Examples{members[0], nullptr}, common.thread_count());
  const auto probe = make_probe(c, members, samples, common.thread_count());
  const auto moments = eqnn::hard::second_moments(c.family, c.params);
  const auto moment = moments.empty() ? std::nullopt : std::optional(moments.back());

  const std::string path = flags.out.empty() ? "" : claim_document(flags.out, "gradvar", flags.force);

  Json document;
  document["family"] = c.family;
  document["params"] = parameters_json(c.params);
  document["model"] = c.model;
  document["parameters"] = training->parameters();
  document["control"] = c.control;
  document["members"] = count;
  document["samples"] = samples;
  document["seeds"] = {{"member", c.member_seed}, {"init", c.init_seed}, {"data", c.data_seed}};
  document["lambda"] = moment ? Json(moment->unit) : Json(nullptr);
  document["lambda_formula"] =
      !moment
          ? Json(nullptr)
          : Json(moment->two_valued ? std::string("lambda the second moment over E h^2 <= 1") : moment->formula);
  document["points"] = Json::array();
  Progress progress(common, 0, static_cast<Index>(steps.back()) + static_cast<Index>(steps.size()) * 2 * count);
  Index passes = 0;
  for (const std::uint64_t step : steps) {
    while (training->steps_done() < step) {
      training->step(nullptr);
      progress.update(static_cast<Index>(training->steps_done()) + passes, "training");
    }
    const VariancePoint p = probe->measure(training->state(), [&] {
      progress.update(static_cast<Index>(training->steps_done()) + ++passes,
                      fmt::format("members at step {}", step));
    });
    document["points"].push_back(point_json(step, p, moment));
  }
  progress.clear();
  if (!path.empty()) eqnn::write_atomically(path, to_text(document, 2) + "\n");
  if (common.json)
    fmt::print("{}\n", to_text(document));
  else
    print_table(document);
  return kDone;
}

}  // namespace

void add_gradvar(CommandLine& line) {
  Subcommand sub = line.add("gradvar", "variance of the loss gradient over the members of a family", "Theory");
  auto flags = std::make_shared<GradvarFlags>();
  add_family_argument(sub, flags->id, true);
  flags->measures.add(sub, "members", "members of the family, from --member-seed on (default 16)");
  flags->measures.add(sub, "samples", "inputs of each gradient, the same for all members (default 4096)");
  flags->measures.add(sub, "points", "steps of training on the first member (default 0,100,1000)");
  sub.option("-o,--out", flags->out, "folder for gradvar.json");
  sub.takes("DIR", {"/"});
  sub.toggle("--force", flags->force, "replace an existing gradvar.json");
  add_family_flags(sub, flags->options);
  for (const ConfigField& f : config_fields())
    if (has_field(f.name)) {
      sub.heading(f.heading);
      flags->options.add(sub, f.name, f.help, f.is_switch, f.values);
    }
  sub.example("eqnn gradvar gnn-degree-parity --n 15 # of its own network, beside the bound");
  sub.example("eqnn gradvar cnn-cyclic --n 24 --members 64 --points 0,500 -o runs/gradvar # kept for the page");
  sub.uses("--threads");
  sub.uses("--seed");
  sub.uses("--progress");
  sub.explains([flags](CommandText& text) {
    explain_family(text, flags->id);
    if (!flags->id.empty()) explain_config(text, family_config(flags->id, flags->options.given(), 0));
  });
  sub.runs([flags](const Common& common) { return gradvar(*flags, common); });
}

}  // namespace tools
