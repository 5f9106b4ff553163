// Hidden planes from second moments under y^2: the plane itself, or, under cyclic shifts, its power spectrum.

#include <eqnn/hard/families/planar/cnn_cyclic.h>
#include <eqnn/hard/learners/power_spectrum.h>
#include <eqnn/hard/learners/spectral.h>

#include <algorithm>
#include <stdexcept>

#include "learn/learner.h"

namespace tools {
namespace {

using eqnn::Block;
using eqnn::Matrix;
using eqnn::hard::Member;
namespace hard = eqnn::hard;

class Spectral final : public Learner {
 public:
  Spectral(const LearnConfig& c, const hard::PlanarMember& target)
      : target_(target), form_(target.form()), oracle_(make_oracle(c)) {}

  void learn(const ExampleStream& examples) override {
    const hard::PlaneSample sample = rows_of(examples);
    const Matrix<double> exact = oracle_ ? target_.squared_moment() : Matrix<double>();
    hard::PlaneQueries ask(sample, oracle_ ? &*oracle_ : nullptr, oracle_ ? &exact : nullptr);
    found_ = hard::learn_plane(form_, sample, ask);
    squared_ = ask.squared_queries();
    correlational_ = ask.correlational_queries();
    if (found_.status != hard::FoundPlane::Status::stuck) {
      distance_ = hard::plane_distance(form_, found_.b, target_.plane());
      hypothesis_ = target_.with_plane(std::move(found_.b));
    }
  }
  void predict(Block<const double> x, double* y) const override {
    if (hypothesis_) return hypothesis_->targets(x, y);
    std::fill_n(y, x.examples, 0.0);
  }
  std::optional<Index> queries() const override { return squared_ + correlational_; }
  Json recovered() const override { return hypothesis_ ? parse_json(hypothesis_->json()) : Json(nullptr); }
  bool exact() const override { return hypothesis_ && distance_ <= 1e-9; }
  Json details() const override {
    Json j;
    j["status"] = hard::status_name(found_.status);
    j["plane_distance"] = hypothesis_ ? Json(distance_) : Json(nullptr);
    j["eigenvalues"] = found_.eigenvalues;
    j["scanned_correlation"] = found_.scanned;
    j["steps"] = found_.steps;
    j["squared_queries"] = squared_;
    j["correlational_queries"] = correlational_;
    if (oracle_) j["oracle_log"] = oracle_log(*oracle_);
    return j;
  }

 private:
  hard::PlaneSample rows_of(const ExampleStream& examples) const {
    const Index m = target_.plane().rows(), most = kMostEntries / (form_.rows * m);
    require(examples.samples() <= most, "--samples is ", examples.samples(), "; with ", form_.rows, " vectors of ",
            m, " numbers an example at most ", most, " are held in memory");
    hard::PlaneSample sample;
    sample.rows = form_.rows;
    sample.z = Matrix<double>(examples.samples() * form_.rows, m);
    examples.training([&](Block<const double> x, std::span<const double> labels) {
      double* first = sample.z.view().row(static_cast<Index>(sample.y.size()) * form_.rows);
      target_.rows(x, {first, x.examples, form_.rows, m, sample.z.stride()});
      sample.y.insert(sample.y.end(), labels.begin(), labels.end());
    });
    return sample;
  }

  const hard::PlanarMember& target_;
  const hard::PlaneForm form_;
  std::optional<hard::Oracle> oracle_;
  hard::FoundPlane found_;
  double distance_ = 0;
  Index squared_ = 0, correlational_ = 0;
  std::unique_ptr<hard::PlanarMember> hypothesis_;
};

// Under cyclic shifts y^2 is invariant too: its second moment is a circulant, whose eigenvalues are the power
// spectrum of the plane. There is no hypothesis (LearnerKind::without_hypothesis).
class Spectrum final : public Learner {
 public:
  Spectrum(const LearnConfig& c, const hard::CnnCyclic& target) : target_(target), oracle_(make_oracle(c)) {}

  void learn(const ExampleStream& examples) override {
    hard::SquaredAutocovariance moments(target_.n());
    examples.training([&](Block<const double> x, std::span<const double> y) { moments.add(x, y); });
    std::vector<double> lags = moments.means();
    queries_ = static_cast<Index>(lags.size());
    if (oracle_) {
      const Matrix<double> exact = target_.squared_moment();
      const bool sampled = oracle_->mode() == hard::Oracle::Answer::sampled;
      for (std::size_t l = 0; l < lags.size(); ++l) {
        const double value = sampled ? lags[l] : exact(0, static_cast<Index>(l));
        lags[l] = oracle_->kind() == hard::Oracle::Kind::csq ? 0 : oracle_->answer(value, moments.norms()[l]);
      }
    }
    spectrum_ = hard::power_spectrum(lags, target_.n());
  }
  void predict(Block<const double>, double*) const override {
    throw std::logic_error("the power spectrum is no hypothesis");
  }
  std::optional<Index> queries() const override { return queries_; }
  Json details() const override {
    const std::vector<double> truth = hard::power_spectrum(target_.plane());
    Json j;
    j["recovers"] = "the power spectrum of the plane, not the plane";
    j["power_spectrum"] = spectrum_;
    j["power_spectrum_of_target"] = truth;
    j["spectrum_error"] = hard::spectrum_distance(spectrum_, truth);
    if (oracle_) j["oracle_log"] = oracle_log(*oracle_);
    return j;
  }

 private:
  const hard::CnnCyclic& target_;
  std::optional<hard::Oracle> oracle_;
  Index queries_ = 0;
  std::vector<double> spectrum_;
};

}  // namespace

LearnerKind spectral_learner() {
  LearnerKind kind;
  kind.name = "spectral";
  kind.families = {"gnn-feature", "cnn-cyclic", "rotation-invariant"};
  kind.without_hypothesis = {"cnn-cyclic"};
  kind.flags = {"oracle", "tau", "answer"};
  kind.default_samples = [](const LearnConfig& c, const Member&) {
    return c.base.family == "cnn-cyclic" ? Index{100000} : Index{10000};
  };
  kind.make = [](const LearnConfig& c, const Member& member) -> std::unique_ptr<Learner> {
    require(
        !c.base.control,
        "--algo spectral learns planes behind signs (-1)^j, and the control has none; take low-degree or kernel");
    const auto& target = target_of<hard::PlanarMember>(c, member);
    require(target.law().isotropic(), "--algo spectral is for independent inputs, and ", target.law().text(),
            "; take low-degree or kernel");
    require(target.k() > 1, "--algo spectral needs k >= 2; with k = 1 the target is linear: take low-degree");
    if (const auto* shifted = dynamic_cast<const hard::CnnCyclic*>(&member))
      return std::make_unique<Spectrum>(c, *shifted);
    return std::make_unique<Spectral>(c, target);
  };
  return kind;
}

}  // namespace tools
