// Label transforms, phases and reuse: what a step is given, and what stays as it was.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <vector>

#include "support/thrown.h"
#include "train/data_source.h"
#include "train/phases.h"
#include "train/resolve.h"
#include "train/training.h"

namespace test_phases {

namespace {

using namespace tools;

TrainConfig config(const RawOptions& more, const std::string& family = "rotation-invariant") {
  RawOptions all{{"family", family}, {"n", "5"},      {"batch", "8"},        {"width", "4"},
                 {"depth", "1"},     {"steps", "12"}, {"test-samples", "50"}};
  if (std::ranges::any_of(more, [](const RawOption& o) { return o.name == "phases"; }))
    std::erase_if(all, [](const RawOption& o) { return o.name == "steps"; });
  all.insert(all.end(), more.begin(), more.end());
  return resolve_config(all, 1);
}

// The labels that a run's source gives, of examples or of steps.
class Source {
 public:
  explicit Source(const TrainConfig& c)
      : config_(c), member_(make_member(config_)), data_(family_data<double>(config_, *member_)) {
    const auto& in = member_->input();
    program_.input(in.name, {.points = in.points, .channels = in.channels});
    if (const auto* features = member_->features())
      program_.input(features->name, {.points = features->points, .channels = features->channels});
    program_.input("y", {});
    program_.finish();
  }
  const PhaseLabels& labels() const { return data_->labels(); }
  std::vector<double> of_step(std::uint64_t step) {
    return labels_of(config_.batch, step, [&](eqnn::Batch<double>& b) { data_->train(b); });
  }
  std::vector<double> training_set(Index count) {
    return labels_of(count, 0, [&](eqnn::Batch<double>& b) { data_->training_set(b); });
  }
  std::vector<double> test(Index count) {
    return labels_of(count, 0, [&](eqnn::Batch<double>& b) { data_->test(b, 0); });
  }

 private:
  std::vector<double> labels_of(Index count, std::uint64_t step,
                                const std::function<void(eqnn::Batch<double>&)>& f) {
    eqnn::Workspace<double> w(program_);
    w.bind({count, 0, step, 0});
    eqnn::Batch<double> b(w);
    f(b);
    std::vector<double> y;
    for (Index i = 0; i < count; ++i) y.push_back(b["y"](i));
    return y;
  }
  const TrainConfig config_;
  std::unique_ptr<eqnn::hard::Member> member_;
  std::unique_ptr<DataSource<double>> data_;
  eqnn::Program<double> program_{5000, eqnn::Mode::evaluate};
};

double mean(const std::vector<double>& v) {
  return std::accumulate(v.begin(), v.end(), 0.0) / static_cast<double>(v.size());
}
double variance(std::vector<double> v) {
  const double m = mean(v);
  for (double& x : v) x = (x - m) * (x - m);
  return mean(v);
}

// A run with what it trains on.
struct Run {
  explicit Run(const TrainConfig& c) : config(c), examples(make_examples(config)) {
    training = make_training(config, examples, 1);
  }
  Training* operator->() const { return training.get(); }
  const TrainConfig config;
  const Examples examples;
  std::unique_ptr<Training> training;
};

std::vector<double> losses(const TrainConfig& c, int steps) {
  const Run training(c);
  std::vector<double> list;
  for (int i = 0; i < steps; ++i) list.push_back(training->step(nullptr));
  return list;
}

std::string parameters(const Run& run) {
  std::string bytes;
  for (const auto& a : run->state())
    if (a.name.starts_with("model.")) bytes.append(reinterpret_cast<const char*>(a.bytes.data()), a.bytes.size());
  return bytes;
}
std::string after(const TrainConfig& c, int steps) {
  const Run training(c);
  for (int i = 0; i < steps; ++i) training->step(nullptr);
  return parameters(training);
}

}  // namespace

TEST_CASE("phases: transforms are their formulas, and are spelt in one way") {
  const auto at = [](const char* text, double y) { return parse_label_transform("label-transform", text)(y); };
  for (const double y : {-3.0, -0.5, 0.0, 0.25, 2.0, 7.0}) {
    CAPTURE(y);
    CHECK(at("none", y) == y);
    CHECK(at("square", y) == y * y);
    CHECK(at("abs", y) == std::abs(y));
    CHECK(at("clip-square", y) == std::min(y * y, 4.0));
    CHECK(at("clip-square:0.1", y) == std::min(y * y, 0.1));
    CHECK(at("sign", y) == (y > 0 ? 1 : -1));
    CHECK(at("sign:-0.5", y) == (y > -0.5 ? 1 : -1));
  }
  const auto text = [](const char* t) { return parse_label_transform("label-transform", t).text(); };
  CHECK(text("square") == "square");
  CHECK(text("clip-square") == "clip-square:4");
  CHECK(text("clip-square:4.0") == "clip-square:4");
  CHECK(text("sign:1e0") == "sign:1");
  for (const char* wrong : {"", "cube", "square:2", "none:1", "abs:", "clip-square:", "clip-square:0",
                            "clip-square:-1", "sign:x", "sign:1:2", "clip-square:nan"}) {
    CAPTURE(wrong);
    CHECK_THROWS_AS(parse_label_transform("label-transform", wrong), eqnn::ValueError);
  }
  CHECK(contains(message<eqnn::ValueError>([] { parse_label_transform("label-transform", "sqare"); }), "square"));
}

TEST_CASE("phases: a list of them is read, written, and looked up by step") {
  const auto phases = parse_phases("clip-square:8000:1e-3,sign:1:20:2,none:5:0");
  REQUIRE(phases.size() == 3);
  CHECK(phases[1].transform.text() == "sign:1");
  CHECK(phases[1].steps == 20);
  CHECK(phases[1].lr == 2);
  CHECK(phases[2].first == 8020);
  CHECK(phases_text(phases) == "clip-square:4:8000:0.001,sign:1:20:2,none:5:0");
  CHECK(phases_text(parse_phases(phases_text(phases))) == phases_text(phases));
  for (const auto& [step, place] :
       {std::pair{0, 0}, {7999, 0}, {8000, 1}, {8019, 1}, {8020, 2}, {8025, 2}, {90000, 2}})
    CHECK(phase_at(phases, static_cast<std::uint64_t>(step)) == static_cast<std::size_t>(place));
  for (const char* wrong :
       {"", "none", "none:4", "none:4:1,", ",none:4:1", "none:4:1,,none:4:1", "none:0:1", "none:4:-1", "none:4.5:1",
        "none:4:x", "cube:4:1", "none:4:inf", "none:1099511627776:1,none:1:1"}) {
    CAPTURE(wrong);
    CHECK_THROWS_AS(parse_phases(wrong), eqnn::ValueError);
  }
}

TEST_CASE("phases: steps and rate are those of the phases, or are refused beside them") {
  const TrainConfig c = config({{"phases", "square:7:0.1,none:9:0.2"}});
  CHECK(c.steps == 16);
  CHECK(c.lr == 0.2);
  CHECK(config({{"phases", "square:7:0.1,none:9:0.2"}, {"steps", "16"}, {"lr", "0.2"}}).steps == 16);
  const auto refused = [](const RawOptions& more, const std::string& part) {
    CAPTURE(part);
    CHECK(contains(message<eqnn::ValueError>([&] { config(more); }), part));
  };
  const RawOption two{"phases", "square:7:0.1,none:9:0.2"};
  refused({two, {"steps", "7"}}, "leave out --steps");
  refused({two, {"lr", "0.1"}}, "leave out --lr");
  refused({two, {"label-transform", "abs"}}, "--label-transform");
  refused({two, {"warmup", "7"}}, "in a phase");
  refused({two, {"samples", "40"}, {"patience", "2"}}, "--patience");
  refused({{"label-transform", "abs"}, {"samples", "40"}, {"patience", "2"}}, "--patience");
  refused({{"label-transform", "abs"}, {"loss", "cross-entropy"}}, "cross-entropy");
  refused({{"reuse", "2"}, {"samples", "40"}}, "--reuse");
  refused({{"first-lr", "1"}, {"lr", "0"}}, "--first-lr");
  refused({{"label-transform", "abs"}, {"oracle", "csq"}, {"tau", "0.1"}}, "--oracle");
  refused({{"reuse", "2"}, {"oracle", "csq"}, {"tau", "0.1"}}, "--oracle");
}

TEST_CASE("phases: a batch holds the transformed labels of its phase, centred and scaled; all else is on y") {
  for (const char* samples : {"0", "300"}) {
    CAPTURE(samples);
    const RawOptions set{{"samples", samples}, {"noise", "0.1"}, {"dtype", "f64"}};
    const auto with = [&](const RawOption& more) {
      RawOptions all = set;
      all.push_back(more);
      return config(all);
    };
    Source plain(config(set)), phased(with({"phases", "clip-square:1.5:5:1e-3,none:4:1e-3,sign:0.2:3:1e-3"}));
    CHECK(plain.labels().scales().size() == 1);
    for (const std::uint64_t step : {0, 4, 5, 8, 9, 11}) {
      CAPTURE(step);
      const std::vector<double> y = plain.of_step(step), given = phased.of_step(step);
      const PhaseLabels::Scale& scale = phased.labels().at(step);
      for (std::size_t i = 0; i < y.size(); ++i) {
        const double t = step < 5 ? std::min(y[i] * y[i], 1.5) : step < 9 ? y[i] : y[i] > 0.2 ? 1 : -1;
        CHECK(given[i] == (step >= 5 && step < 9 ? y[i] : (t - scale.mean) / scale.sd));
      }
    }
    CHECK(plain.test(60) == phased.test(60));
    CHECK(plain.training_set(60) == phased.training_set(60));
    // The scale is that of the first labels: all of a set of 300, or 4,096 fresh ones, 512 batches of 8.
    std::vector<double> first;
    if (samples == std::string("300"))
      first = plain.training_set(300);
    else
      for (std::uint64_t step = 0; step < 512; ++step)
        for (const double y : plain.of_step(step)) first.push_back(y);
    for (double& y : first) y = std::min(y * y, 1.5);
    CHECK(std::abs(phased.labels().scales()[0].mean - mean(first)) < 1e-12);
    CHECK(std::abs(phased.labels().scales()[0].sd - std::sqrt(variance(first))) < 1e-12);
  }
}

TEST_CASE("phases: labels that take two values, or become one, are refused") {
  const auto refused = [](const TrainConfig& c, const std::string& part) {
    CHECK(contains(message<eqnn::ValueError>([&] { const Run run(c); }), part));
  };
  for (const char* transform : {"square", "abs", "clip-square", "sign"})
    refused(config({{"label-transform", transform}}, "gnn-degree-parity"), "two values");
  refused(config({{"label-transform", "square"}, {"null-target", "true"}}), "two values");
  refused(config({{"label-transform", "sign:1e9"}}), "all the same");
  const TrainConfig real = config({{"label-transform", "square"}, {"control", "true"}}, "gnn-degree-parity");
  CHECK_NOTHROW(Run{real});
}

TEST_CASE("phases: each is a training of its own, from the network that the one before left") {
  const RawOptions plain{{"optimizer", "sign-sgd"}, {"schedule", "constant"}};
  const auto with = [&](RawOptions options, const char* name, const char* value) {
    options.push_back({name, value});
    return config(options);
  };
  // Without moments and under a constant rate a cut changes nothing.
  CHECK(after(with(plain, "phases", "none:5:2e-3,none:7:2e-3"), 12) == after(with(plain, "lr", "2e-3"), 12));
  CHECK(after(with(plain, "phases", "none:5:2e-3,none:7:1e-3"), 12) != after(with(plain, "lr", "2e-3"), 12));
  CHECK(after(with(plain, "phases", "none:5:2e-3,none:7:1e-3"), 5) == after(with(plain, "lr", "2e-3"), 5));
  // Adam's moments are zero at the start of a phase, and the schedule begins anew.
  const TrainConfig cut = config({{"phases", "none:5:2e-3,none:7:2e-3"}, {"schedule", "constant"}});
  const TrainConfig one = config({{"lr", "2e-3"}, {"schedule", "constant"}});
  CHECK(after(cut, 5) == after(one, 5));
  CHECK(after(cut, 6) != after(one, 6));
  const Run training(cut), resumed(cut);
  for (int i = 0; i < 5; ++i) training->step(nullptr);
  eqnn::SafeTensors file{"checkpoint", training->state(), {}};
  for (auto& a : file.arrays)
    if (a.name.starts_with("optimizer.")) std::ranges::fill(a.bytes, decltype(a.bytes)::value_type{});
  resumed->restore(file, 5);
  for (int i = 0; i < 7; ++i) {
    training->step(nullptr);
    resumed->step(nullptr);
  }
  CHECK(parameters(training) == parameters(resumed));
}

TEST_CASE("reuse: a fresh batch serves so many steps in a row, and counts once") {
  const std::vector<double> once = losses(config({{"lr", "0"}}), 6),
                            thrice = losses(config({{"lr", "0"}, {"reuse", "3"}}), 12);
  for (std::size_t i = 0; i < 12; ++i) CHECK(thrice[i] == once[i / 3]);
  CHECK(once[0] != once[1]);
  const TrainConfig c = config({{"reuse", "3"}});
  const Run training(c);
  for (const auto& [steps, batches] : {std::pair{0, 0}, {1, 1}, {3, 1}, {4, 2}, {6, 2}, {7, 3}})
    CHECK(training->examples_seen(static_cast<std::uint64_t>(steps)) == static_cast<std::uint64_t>(8 * batches));
}

TEST_CASE("first rate: the first step alone has it, whatever schedule and warm-up") {
  const RawOptions plain{{"optimizer", "sgd"}, {"lr", "1e-3"}, {"warmup", "4"}};
  RawOptions giant = plain, large = plain;
  giant.push_back({"first-lr", "0.5"});
  large[1].value = "0.5";
  large[2].value = "0";
  CHECK(after(config(giant), 1) == after(config(large), 1));
  CHECK(after(config(giant), 1) != after(config(plain), 1));
  // In the first phase alone: with a rate of 0 in the second nothing moves there.
  const TrainConfig phased =
      config({{"optimizer", "sgd"}, {"phases", "none:3:1e-3,none:3:0"}, {"first-lr", "0.5"}});
  CHECK(after(phased, 6) == after(phased, 3));
}

TEST_CASE("losses: tests of absolute and Huber losses are by the squared error") {
  for (const char* samples : {"0", "64"})
    for (const char* loss : {"abs", "huber"}) {
      const TrainConfig of_loss = config({{"loss", loss}, {"samples", samples}}),
                        squared = config({{"samples", samples}});
      const Run a(of_loss), b(squared);
      const Evaluation e = a->test(100), f = b->test(100);
      CHECK(e.loss == doctest::Approx(f.loss).epsilon(1e-5));
      CHECK(e.variance == f.variance);
      CHECK(a->step(nullptr) != b->step(nullptr));
      CHECK(batch_loss_is_test_loss(of_loss) == false);
      CHECK(batch_loss_is_test_loss(squared) == true);
    }
  CHECK(!batch_loss_is_test_loss(config({{"label-transform", "abs"}})));
  CHECK(!batch_loss_is_test_loss(config({{"reuse", "2"}})));
  CHECK(batch_loss_is_test_loss(config({{"phases", "abs:3:1,none:3:1"}})));
  CHECK(!batch_loss_is_test_loss(config({{"phases", "none:3:1,abs:3:1"}})));
}

}  // namespace test_phases
