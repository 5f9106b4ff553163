// What the learners of gnn-degree-parity share: the target, and the parity that was found.
#pragma once

#include <eqnn/hard/families/gnn_degree_parity/gnn_degree_parity.h>
#include <eqnn/hard/learners/gf2.h>

#include "learn/learner.h"

namespace tools {

class ParityLearner : public Learner {
 public:
  void predict(eqnn::Block<const double> x, double* y) const override {
    for (Index e = 0; e < x.examples; ++e) y[e] = 1 - 2 * eqnn::hard::parity_value(found_, graph(x, e));
  }
  Json recovered() const override { return member_file(found_); }
  bool exact() const override { return eqnn::hard::same_parity(found_, target_.classes(), target_.b()); }

 protected:
  explicit ParityLearner(const eqnn::hard::DegreeParity& target) : target_(target) {}

  static eqnn::MatrixView<const double> graph(const eqnn::Block<const double>& x, Index e) {
    return {x.row(e), x.points, x.channels, x.stride};
  }
  // The other name of the parity that was found, and the share of graphs on which it is wrong.
  Json complement() const { return member_file(eqnn::hard::complement(found_)); }
  double exact_error() const {
    return eqnn::hard::parity_error(found_, target_.classes(), target_.b(), target_.edge_probability());
  }

  // With the law of the graphs, which the sample does not tell.
  Json member_file(const eqnn::hard::LearnedParity& parity) const {
    Json j = parse_json(eqnn::hard::parity_json(parity));
    if (target_.edge_probability() != 0.5) j["edge_probability"] = target_.edge_probability();
    return j;
  }

  const eqnn::hard::DegreeParity& target_;
  eqnn::hard::LearnedParity found_;
};

}  // namespace tools
