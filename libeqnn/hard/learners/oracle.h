// Statistical-query oracles: they answer questions about a target f with expectations, each only within a
// tolerance, and lie within it as they like. What a learner does through them rests on nothing else of f.
//
// CSQ (correlational): a query is a function q of the input, its value v = E[f(x) q(x)]; with |f| = 1 the answer is
// any number within tau |q| of v, |q| = (E q(x)^2)^(1/2).
// SQ: a query is a function psi of the input and the label, its value v = E[psi(x, f(x))], the answer any number
// within tau times the query's norm. With labels y of mean 0 and variance 1 that know nothing of x the value is the
// query's label-free part v0 = E psi(x, y), and its norm (E psi(x, y)^2)^(1/2); neither depends on f. For labels
// +-1,
//   v = v0 + E[f (psi(x, 1) - psi(x, -1)) / 2],
// so that all that an SQ oracle can say of f beyond v0 is correlational too (Bshouty and Feldman 2002).
//
// The adversaries below hide as much of u = v / |q| (for SQ of u = (v - v0) / |q|) as the tolerance allows:
//   zero    0 if |u| <= tau, else u
//   shrink  sign(u) max(|u| - tau, 0)
//   exact   u; the limit of tau = 0
//   sampled u as the caller has estimated it on a sample of its own; no tolerance is promised
// (Kearns 1998; the CSQ model: Bshouty and Feldman 2002.)
#pragma once

#include <cstdint>
#include <string_view>

#include "../../core/check.h"

namespace eqnn::hard {

// A learner takes the norm of a query about labels over so many examples at most.
inline constexpr Index kNormExamples = 4096;

// Answers queries as an adversary of a tolerance does, and counts them.
class Oracle {
 public:
  enum class Kind : std::uint8_t { csq, sq };
  enum class Answer : std::uint8_t { exact, zero, shrink, sampled };

  // What is counted. `above_tau`: queries with |v - v0| > tau |q|, those that said something of f; NaN counts as
  // such. `largest` is the largest |v - v0| / |q| of all: no larger tau tells anything.
  struct Log {
    Index queries = 0, above_tau = 0;
    double largest = 0;

    friend bool operator==(const Log&, const Log&) = default;
  };

  // Throws ValueError unless tau is finite and above 0.
  Oracle(Kind kind, double tau, Answer mode);

  Kind kind() const { return kind_; }
  double tau() const { return tau_; }
  Answer mode() const { return mode_; }

  // The answer to a query of this value and norm; `label_free` is v0 (0 for every correlational query). Counts the
  // query. Throws ValueError for a negative norm. Threads: one at a time.
  double answer(double value, double norm, double label_free = 0);

  const Log& log() const { return log_; }
  void set_log(const Log& log) { log_ = log; }  // of a run that goes on

 private:
  Kind kind_;
  double tau_;
  Answer mode_;
  Log log_;
};

// The adversary's rule alone: the answer to a query of label-free part 0, |q| times the formulas above, nothing
// counted.
double oracle_answer(Oracle::Answer mode, double tau, double value, double norm);

// "csq", "sq"; "exact", "zero", "shrink", "sampled". Throw ValueError for other names.
Oracle::Kind oracle_kind(std::string_view name);
Oracle::Answer oracle_mode(std::string_view name);
const char* kind_name(Oracle::Kind kind);
const char* mode_name(Oracle::Answer mode);

}  // namespace eqnn::hard
