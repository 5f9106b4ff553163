#include "runs/training_run.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <numeric>
#include <set>

#include <fmt/core.h>

#include "cli/json.h"
#include "cli/machine.h"
#include "cli/note.h"
#include "cli/paths.h"
#include "cli/progress.h"
#include "results/run_directory.h"
#include "results/schema.h"
#include "runs/explanation.h"
#include "runs/verdict.h"
#include "train/choices.h"
#include "train/oracle_gradient.h"

namespace tools {
namespace {

volatile std::sig_atomic_t g_signal = 0;

void on_signal(int number) { g_signal = number; }

void catch_signals() {
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  for (int number : {SIGINT, SIGTERM, SIGUSR1, SIGHUP, SIGXCPU}) {
    struct sigaction before {};
    sigaction(number, nullptr, &before);
    if (before.sa_handler != SIG_IGN) sigaction(number, &action, nullptr);  // nohup, jobs of scripts: stays ignored
  }
}

double mean(const std::vector<double>& v) {
  return v.empty() ? std::nan("") : std::accumulate(v.begin(), v.end(), 0.0) / static_cast<double>(v.size());
}

// "the control of gnn-degree-parity (n 15, self-loops false): gnn, depth 3, width 64, 33281 parameters".
std::string subject_text(const TrainConfig& c, const Examples& examples, Index parameters) {
  std::string target = examples.data ? std::filesystem::path(c.data).filename().string() : c.family, values;
  for (const auto& [name, value] : c.params) values += concat(values.empty() ? "" : ", ", name, " ", value);
  if (examples.data) values = concat(examples.data->examples, " examples");
  std::string text = concat(c.control       ? "the control of "
                            : c.null_target ? "nothing, on inputs of "
                                            : "",
                            target, values.empty() ? "" : concat(" (", values, ")"), ": ", c.model);
  const std::set<std::string> read = fields_read(c);
  for (const auto& [name, value] : {std::pair{"depth", c.depth}, {"width", c.width}})
    if (read.contains(name)) text += concat(", ", name, " ", value);
  return concat(text, ", ", parameters, " parameters");
}

// "adam, rate 0.002 cosine, 12000 steps of 32 fresh samples".
std::string method_text(const TrainConfig& c, const Training& training) {
  const Index fixed = training.fixed_examples();
  std::string text = c.phases.empty() ? concat(c.optimizer, ", rate ", number_text(c.lr), " ", c.schedule)
                                      : concat(c.optimizer, ", phases ", c.phases);
  if (c.oracle != "none")
    return concat(text, ", ", c.steps, " steps of a ", c.oracle, " oracle at tau ", number_text(c.tau), " over ",
                  training.oracle_inputs(), " inputs");
  return concat(text, ", ", c.steps, " steps of ", fixed > 0 ? std::min(c.batch, fixed) : c.batch,
                fixed > 0 ? concat(" of ", fixed, " samples") : std::string(" fresh samples"));
}

// The loop around Training: evaluations, metrics, checkpoints, signals, the verdict.
class TrainRun {
 public:
  TrainRun(const TrainConfig& c, const Examples& examples, RunOptions options, const Common& common)
      : config_(c), examples_(examples), options_(std::move(options)), common_(common), directory_(options_.out) {}

  int run();

 private:
  bool open();    // false: finished before
  void follow();  // of ranks that do not lead, once the first has opened the directory
  bool leads() const { return options_.ranks == nullptr || options_.ranks->leads(); }
  std::string description() const;  // run.json
  bool told_to_end();
  std::string owner() const;
  int loop();
  bool evaluate();  // true: stop
  bool is_low_enough(const Evaluation& part);
  bool out_of_patience();
  void checkpoint();
  bool checkpoint_is_due() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - saved_).count() >=
           options_.checkpoint_seconds;
  }
  int interrupted();
  int finish(bool diverged);
  Shown shown() const { return {.accuracy = examples_.has_classes(config_), .entropy = predicts_classes(config_)}; }
  Json gradient_json() const;
  // The keys of a run through an oracle; none without.
  Json oracle_json() const;
  Json oracle_counts() const;
  // Why it did not learn, as far as bounds say; null where it did, or diverged.
  Json explanation(const Json& result) const;
  // The key of a run with phases or a label transform; none without.
  Json phases_json() const;
  NoiseFloor floor(double spread) const {
    return noise_floor(config_, examples_.member && examples_.member->two_valued() && !config_.control, spread);
  }
  bool is_hopeless(double loss);
  std::uint64_t samples_at(std::uint64_t steps) const { return training_->examples_seen(steps); }
  std::uint64_t samples_seen() const { return samples_at(state_.steps); }
  Json result(bool diverged);
  double wall_seconds() const {
    return state_.wall_seconds + std::chrono::duration<double>(std::chrono::steady_clock::now() - began_).count();
  }
  void print_summary(const Json& r) const;

  const TrainConfig config_;
  const Examples examples_;
  const RunOptions options_;
  const Common common_;
  RunDirectory directory_;
  std::unique_ptr<Training> training_;
  std::unique_ptr<eqnn::AppendFile> metrics_;
  RunState state_;  // wall_seconds: of the runs before this one
  std::uint64_t first_step_ = 0;
  std::string note_;
  std::uint64_t next_agreement_ = 0, last_agreement_ = 0;  // steps at which ranks tell each other of signals
  std::chrono::steady_clock::time_point agreed_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now(), saved_ = began_;
};

int TrainRun::run() {
  catch_signals();
  training_ = make_training(config_, examples_, common_.thread_count(), options_.ranks);
  if (examples_.member && !common_.quiet)
    for (const std::string& warning : examples_.member->warnings()) note("eqnn: warning: {}\n", one_line(warning));
  if (const auto warning = oracle_warning(config_); warning && !common_.quiet)
    note("eqnn: warning: {}\n", one_line(*warning));
  if (const TakenWeights& taken = training_->initial(); !taken.rest.empty() && !common_.quiet && leads())
    note("eqnn: {}--init-from: {}\n",
         taken.most() ? "" : "warning: less than half of the weights: ", one_line(taken.rest));
  bool left = true;
  leader_first(options_.ranks, [&] { leads() ? void(left = open()) : follow(); });
  if (options_.ranks != nullptr) left = options_.ranks->of_first(left) != 0;
  if (!left) {
    if (common_.json && !options_.silent) {
      const std::string file = directory_.file("result.json");
      const Json r = parse_json_if(eqnn::read_file(file));
      require<eqnn::FileError>(!r.is_discarded(), file, ": is no JSON; remove it, and --resume writes it again");
      fmt::print("{}\n", to_text(r));
    }
    if (!common_.quiet) note("eqnn: {} is finished; nothing to do\n", one_line(directory_.path()));
    return kDone;
  }
  return loop();
}

// The configuration of an interrupted run must be this one; only the steps may have grown, where the
// schedule does not depend on them and the directory was named.
void check_resumable(const TrainConfig& before, const TrainConfig& now, const std::string& path, bool named) {
  TrainConfig grown = before;
  if (before.steps != now.steps) {
    require(named && before.schedule == "constant" && now.schedule == "constant" && now.steps > before.steps,
            "--steps is ", now.steps, " and the run in ", path, " has ", before.steps,
            "; on --resume it may only grow, with --schedule constant and --out given");
    grown.steps = now.steps;
  }
  if (before.data_hash == now.data_hash) grown.data = now.data;  // the same examples, wherever their file is
  if (before.init_hash == now.init_hash && !before.init_from.empty()) grown.init_from = now.init_from;
  if (config_json(grown) == config_json(now)) return;
  const Json a = parse_json(config_json(grown)), b = parse_json(config_json(now));
  for (const auto& [key, value] : b.items())
    if (!a.contains(key) || a.at(key) != value)
      throw ValueError(concat("--resume: '", key, "' is ", to_text(value), " and the run in ", path, " has ",
                              a.contains(key) ? to_text(a.at(key)) : "none",
                              "; only --steps may grow: give the same flags, or another --out"));
  for (const auto& [key, value] : a.items())
    if (!b.contains(key) && key != "member")
      throw ValueError(concat("--resume: the run in ", path, " has '", key, "' ", to_text(value),
                              ", which is not given now; give the same flags, or another --out"));
  throw ValueError(concat("--resume: the run in ", path, " was given a member file; give the same --member"));
}

std::string TrainRun::description() const {
  const std::string text = run_description(config_, examples_, common_);
  const TakenWeights& taken = training_->initial();
  if (taken.all_arrays == 0) return text;
  Json j = parse_json(text);
  j["initial"] = {{"arrays", taken.arrays},
                  {"all_arrays", taken.all_arrays},
                  {"parameters", taken.parameters},
                  {"all_parameters", taken.all_parameters}};
  return to_text(j, 2) + "\n";
}

bool TrainRun::open() {
  const std::string& path = directory_.path();
  if (directory_.exists() && options_.force) directory_.remove();
  if (directory_.exists() && !options_.resume)
    throw ValueError(concat(path, " exists; --resume goes on with it, --force replaces it, --out names another"));
  if (!directory_.exists() || directory_.blank()) {
    directory_.create(with_labels(description(), options_.labels));
  } else {
    const TrainConfig before = directory_.config();
    check_resumable(before, config_, path, options_.named);
    directory_.lock();
    const std::string file = directory_.file("run.json"), text = eqnn::read_file(file);
    require(before.steps == config_.steps || !parse_json(text, file).contains("imported"), path,
            " holds weights that were imported, and no training to go on with; begin one with --init-from ", path);
    if (before.steps == config_.steps && !options_.labels.empty())
      eqnn::write_atomically(file, with_labels(text, options_.labels));
    if (directory_.finished() && before.steps == config_.steps) return false;
    if (directory_.has_checkpoint()) state_ = directory_.read_checkpoint(*training_, owner(), config_.steps);
    // In this order: whenever it is cut off, result.json is there only beside the run.json that it is of.
    if (directory_.finished()) remove_file(directory_.file("result.json"));
    if (before.steps != config_.steps) {
      const std::string now = with_labels(description(), labels_of(parse_json(text, file)));
      eqnn::write_atomically(file, with_labels(now, options_.labels));
    }
  }
  directory_.sweep();
  metrics_ = std::make_unique<eqnn::AppendFile>(directory_.file("metrics.jsonl"));
  metrics_->truncate(state_.metrics_length);
  first_step_ = state_.steps;
  return true;
}

// What rank 0 goes on from, or begins, the others do too: it has made sure of the directory.
void TrainRun::follow() {
  if (directory_.has_checkpoint()) state_ = directory_.read_checkpoint(*training_, owner(), config_.steps);
  first_step_ = state_.steps;
}

// Whether a signal asks for an end. Ranks must end at the same step: they tell each other about twenty times a
// second, at steps that rank 0 sets by its clock.
bool TrainRun::told_to_end() {
  if (options_.ranks == nullptr) return g_signal != 0;
  if (state_.steps < next_agreement_) return false;
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - agreed_).count();
  const double steps = static_cast<double>(state_.steps - last_agreement_);
  const auto next = static_cast<Index>(std::clamp(0.05 * steps / std::max(seconds, 1e-9), 1.0, 1e6));
  last_agreement_ = state_.steps;
  next_agreement_ = state_.steps + static_cast<std::uint64_t>(options_.ranks->of_first(next));
  g_signal = static_cast<int>(options_.ranks->largest(g_signal));
  agreed_ = std::chrono::steady_clock::now();
  return g_signal != 0;
}

// The configuration without what may change on --resume.
std::string TrainRun::owner() const {
  TrainConfig c = config_;
  if (c.schedule == "constant") c.steps = 0;
  return run_id(c);
}

int TrainRun::loop() {
  Progress progress(common_, static_cast<Index>(first_step_), config_.steps);
  const auto steps = static_cast<std::uint64_t>(config_.steps),
             every = static_cast<std::uint64_t>(config_.eval_interval());
  const auto interval = static_cast<std::uint64_t>(options_.checkpoint_every);
  // A run that has grown was not evaluated at its old end.
  if (state_.ended.empty() && state_.steps > 0 && state_.steps < steps && state_.steps % every == 0 &&
      state_.evaluated != state_.steps && evaluate() && state_.ended.empty())
    state_.ended = "stopped";
  while (state_.ended.empty() && state_.steps < steps) {
    // The noise of the gradient is measured where a line of metrics.jsonl may follow, and costs nothing elsewhere.
    const bool last = state_.steps + 1 == steps, evaluated = !last && (state_.steps + 1) % every == 0;
    eqnn::GradientNoise noise;
    const double loss = training_->step(last || evaluated ? &noise : nullptr);
    state_.gradient_norm = training_->gradient_norm();
    state_.gradient_snr = noise.ratio();
    const double watched = training_->watched_loss();
    ++state_.steps;
    if (state_.recent_losses.size() == 100) state_.recent_losses.erase(state_.recent_losses.begin());
    state_.recent_losses.push_back(loss);
    if (has_diverged(watched, state_.initial_loss))
      state_.ended = "diverged";
    else if (evaluated && evaluate() && state_.ended.empty())
      state_.ended = "stopped";
    if (!state_.ended.empty()) break;
    if (!last && state_.steps % (interval > 0 ? interval : every) == 0 && checkpoint_is_due()) checkpoint();
    progress.update(static_cast<Index>(state_.steps), note_);
    if (options_.after_step) options_.after_step();
    if (!last && told_to_end()) {
      progress.clear();
      return interrupted();
    }
  }
  progress.clear();
  return finish(state_.ended == "diverged");
}

// One line of metrics.jsonl. Between steps a fifth of the test samples will do; the last line has them all.
bool TrainRun::evaluate() {
  const Index samples = std::min<Index>(config_.test_samples, std::max<Index>(config_.test_samples / 5, 1000));
  const Evaluation test = training_->test(samples);
  Json line;
  line["step"] = state_.steps;
  line["samples_seen"] = samples_seen();
  line["batch_loss"] = number_json(state_.recent_losses.back());
  line["train_loss"] = number_json(mean(state_.recent_losses));
  line.update(evaluation_json(test, shown()));
  line.update(gradient_json());
  line.update(oracle_counts());
  line["time"] = {{"wall_seconds", wall_seconds()}};
  if (metrics_) metrics_->append(to_text(line) + "\n");
  state_.evaluated = state_.steps;
  const double judged = floor(test.variance).judged_test(test.normalized());
  if (state_.learned_at == 0 && judged <= config_.learned_below) state_.learned_at = state_.steps;
  if (common_.json && !options_.silent) {
    fmt::print("{}\n", to_text(line));
    std::fflush(stdout);
  }
  note_ = fmt::format("test {:.4f}", test.normalized());
  if (is_low_enough(test)) return true;
  if (is_hopeless(test.normalized())) {
    state_.ended = "hopeless";
    return true;
  }
  return config_.patience > 0 && out_of_patience();
}

// For --stop-at-loss. The verdict is of all test samples: where a part of them is low enough, all decide. Every
// rank comes to the same end, and nothing is kept of the second test.
bool TrainRun::is_low_enough(const Evaluation& part) {
  const auto low = [&](const Evaluation& e) { return e.normalized() <= config_.stop_at_loss; };
  if (config_.stop_at_loss <= 0 || !low(part)) return false;
  return examples_.data || part.examples >= config_.test_samples || low(training_->test(config_.test_samples));
}

bool TrainRun::is_hopeless(double loss) {
  if (config_.stop_hopeless.empty()) return false;
  const auto rule = config_.hopeless();
  state_.best_test = std::fmin(state_.best_test, loss);
  return state_.steps >= static_cast<std::uint64_t>(rule.steps) && state_.best_test >= rule.loss;
}

bool TrainRun::out_of_patience() {
  const double loss = training_->validation().loss;
  const bool better = loss < state_.best_validation;
  state_.best_validation = better ? loss : state_.best_validation;
  state_.evaluations_without_better = better ? 0 : state_.evaluations_without_better + 1;
  return state_.evaluations_without_better >= config_.patience;
}

void TrainRun::checkpoint() {
  if (!leads()) return;
  metrics_->sync();
  RunState s = state_;
  s.metrics_length = metrics_->length();
  s.wall_seconds = wall_seconds();
  directory_.write_checkpoint(*training_, s, owner());
  saved_ = std::chrono::steady_clock::now();
}

int TrainRun::interrupted() {
  checkpoint();
  if (options_.silent) return g_signal == SIGINT ? kSigint : kInterrupted;
  note("eqnn: interrupted after step {} of {}; a checkpoint is in {}: run the same command again with --resume\n",
       state_.steps, config_.steps, one_line(directory_.path()));
  return g_signal == SIGINT ? kSigint : kInterrupted;
}

Json TrainRun::gradient_json() const {
  Json j;
  j["gradient_norm"] = number_json(state_.gradient_norm);
  j["gradient_snr"] = number_json(state_.gradient_snr);
  j["distance"] = number_json(training_->distance());
  if (const double overlap = training_->overlap(); !std::isnan(overlap)) j["overlap"] = overlap;
  return j;
}

Json TrainRun::oracle_counts() const {
  Json j = Json::object();
  const eqnn::hard::Oracle* oracle = training_->oracle();
  if (oracle == nullptr) return j;
  j["queries"] = oracle->log().queries;
  j["queries_above_tau"] = oracle->log().above_tau;
  j["largest_query"] = number_json(oracle->log().largest);
  return j;
}

Json TrainRun::oracle_json() const {
  Json j = Json::object();
  if (training_->oracle() == nullptr) return j;
  j["oracle"] = {{"kind", config_.oracle},
                 {"tau", config_.tau},
                 {"answer", config_.answer},
                 {"samples", training_->oracle_inputs()},
                 {"all_inputs", config_.oracle_samples == 0}};
  j.update(oracle_counts());
  return j;
}

Json TrainRun::phases_json() const {
  if (config_.phases.empty() && !transforms_labels(config_)) return Json::object();
  const PhaseLabels& labels = training_->labels();
  Json list = Json::array();
  for (std::size_t i = 0; i < labels.phases().size(); ++i) {
    const Phase& p = labels.phases()[i];
    const PhaseLabels::Scale& s = labels.scales()[i];
    list.push_back({{"label_transform", p.transform.text()},
                    {"mean", s.mean},
                    {"sd", s.sd},
                    {"steps", p.steps},
                    {"lr", p.lr}});
  }
  return {{"training_phases", list}};
}

Json TrainRun::explanation(const Json& r) const {
  const Json& verdict = r["verdict"];
  if (verdict.is_null() || verdict == "learned" || verdict == "diverged") return nullptr;
  const auto* oracle = training_->oracle();
  Asked asked;
  asked.queries = oracle != nullptr
                      ? static_cast<double>(oracle->log().queries)
                      : static_cast<double>(state_.steps) * static_cast<double>(training_->parameters());
  asked.batch = config_.batch;
  asked.samples = samples_seen();
  if (const auto fixed = static_cast<std::uint64_t>(training_->fixed_examples());
      fixed > 0 && asked.samples > fixed) {
    asked.samples = fixed;
    asked.again = true;
  }
  return explanation_json(config_, asked);
}

Json TrainRun::result(bool diverged) {
  const Evaluation test = training_->test(config_.test_samples);
  Evaluation train{.loss = mean(state_.recent_losses), .variance = test.variance};
  // Fresh inputs are the test's in law; a batch's loss is another thing where it is of another loss or label, or of
  // a batch that was trained on.
  if (!batch_loss_is_test_loss(config_)) train = test;
  if (training_->fixed_examples() > 0) train = training_->training_set();
  const double seconds = wall_seconds();
  Json r;
  r["run_id"] = run_id(config_);
  r["family"] = examples_.data ? "data" : config_.family;
  Json params = Json::object();
  for (const auto& [name, value] : config_.params) params[name] = typed_json(value);
  r["params"] = params;
  if (examples_.member) r["member"] = parse_json(examples_.member->json());
  if (examples_.data)
    r["data"] = {{"path", config_.data},      {"format", config_.format}, {"examples", examples_.data->examples},
                 {"hash", config_.data_hash}, {"fold", config_.fold},     {"folds", config_.folds}};
  r["control"] = config_.control;
  r["model"] = config_.model;
  r["parameters"] = training_->parameters();
  r["optimizer"] = config_.optimizer;
  r["lr"] = config_.lr;
  r["batch"] = config_.batch;
  r["samples"] = examples_.data ? training_->fixed_examples() : config_.samples;
  r["seeds"] = {{"member", config_.member_seed}, {"init", config_.init_seed}, {"data", config_.data_seed}};
  r["steps"] = state_.steps;
  r["samples_seen"] = samples_seen();
  r.update(oracle_json());
  r.update(phases_json());
  r["train_loss"] = number_json(train.loss);
  r["normalized_train_loss"] = number_json(train.normalized());
  r.update(evaluation_json(test, shown()));
  r.update(gradient_json());
  // The final test counts too, but for a run that goes on from here it will not have been.
  const NoiseFloor noise = floor(test.variance);
  const bool learned = noise.judged_test(test.normalized()) <= config_.learned_below;
  const std::uint64_t learned_at = state_.learned_at > 0 ? state_.learned_at : learned ? state_.steps : 0;
  r["steps_to_learn"] = learned_at > 0 ? Json(learned_at) : Json(nullptr);
  r["samples_to_learn"] = learned_at > 0 ? Json(samples_at(learned_at)) : Json(nullptr);
  if (config_.noise > 0) r["noise_floor"] = floor_json(noise);
  r["verdict"] = optional_json(verdict(config_, diverged, train.normalized(), test.normalized(), noise));
  if (state_.ended == "hopeless" && r["verdict"] != "learned") r["verdict"] = "hopeless";
  if (Json why = explanation(r); !why.is_null()) r["explanation"] = std::move(why);
  r["thresholds"] = thresholds_json(config_);
  r["time"] = {{"wall_seconds", seconds}, {"steps_per_second", static_cast<double>(state_.steps) / seconds}};
  r["machine"] = parse_json(machine_json());
  r["machine"]["threads"] = common_.thread_count();
  if (options_.ranks != nullptr) r["machine"]["ranks"] = options_.ranks->size();
  return r;
}

int TrainRun::finish(bool diverged) {
  Json r = result(diverged);
  if (!leads()) return kDone;
  Json line;
  for (const ResultKey& key : result_keys())
    if (key.has(kOnLine | kMetric) && r.contains(key.name)) line[key.metric_name()] = r[key.name];
  line.update(oracle_counts());
  line["time"] = {{"wall_seconds", r["time"]["wall_seconds"]}};
  checkpoint();  // before the last line, which a run that goes on from here does not have
  metrics_->append(to_text(line) + "\n");
  metrics_->sync();
  training_->save_model(directory_.file("model.safetensors"), {{"format", "pt"}, {"run_id", run_id(config_)}});
  directory_.write_result(r);
  if (options_.silent) return kDone;
  if (common_.json) {
    fmt::print("{}\n{}\n", to_text(line), to_text(r));
  } else {
    print_summary(r);
  }
  return check_expectation(r, options_.expect, config_.fails_from);
}

void TrainRun::print_summary(const Json& r) const {
  fmt::print("trained                {}\nby                     {}\n",
             subject_text(config_, examples_, training_->parameters()), method_text(config_, *training_));
  if (!config_.init_from.empty())
    fmt::print("begun with             {}: {}\n", config_.init_from, training_->initial().text());
  print_outcome(r, examples_.data ? "held-out" : "fresh");
  fmt::print("steps                  {}   ({:.0f} a second, {})\n", r["steps"].get<long>(),
             r["time"]["steps_per_second"].get<double>(), duration_text(r["time"]["wall_seconds"].get<double>()));
  if (const std::string why = explanation_text(r.value("explanation", Json())); !why.empty())
    fmt::print("explained              {}\n", why);
  if (const auto* oracle = training_->oracle())
    fmt::print("queries                {}   ({} above tau {:g}; the largest {:.3g} of its norm)\n",
               oracle->log().queries, oracle->log().above_tau, config_.tau, oracle->log().largest);
  fmt::print("run                    {}\n", directory_.path());
}

}  // namespace

std::string run_description(const TrainConfig& c, const Examples& examples, const Common& common) {
  Json j;
  j["format"] = kRunFormat;
  j["run_id"] = run_id(c);
  j["version"] = version_text();
  j["config"] = parse_json(config_json(c));
  // The run may be resumed from another folder.
  if (examples.data) j["config"]["data"] = std::filesystem::absolute(c.data).lexically_normal().string();
  if (!c.init_from.empty())
    j["config"]["init-from"] = std::filesystem::absolute(c.init_from).lexically_normal().string();
  if (examples.member) {
    const auto& input = examples.member->input();
    j["member"] = parse_json(examples.member->json());
    j["input"] = {{"name", input.name}, {"points", input.points}, {"channels", input.channels}};
  }
  j["machine"] = parse_json(machine_json());
  j["machine"]["threads"] = common.thread_count();
  return to_text(j, 2) + "\n";
}

int run_training(const TrainConfig& c, const Examples& examples, const RunOptions& options, const Common& common) {
  return TrainRun(c, examples, options, common).run();
}

}  // namespace tools
