#include "correlations.h"

#include <fmt/format.h>

namespace eqnn::hard {

SecondMoment accepted_share(SecondMoment m, double acceptance, double error, const std::string& rule) {
  m.bounded = std::min(1.0, m.bounded / acceptance);
  m.unit = std::min(1.0, m.unit / acceptance);
  m.error = error / acceptance;
  m.orthonormal *= acceptance;
  m.prior = fmt::format("as the sampler draws: {}, of which it accepts a share alpha = {:.6g}{}", rule, acceptance,
                        error > 0 ? fmt::format(" +- {:.2g} (estimated)", error) : " (exact)");
  m.formula += ", divided by alpha";
  return m;
}

}  // namespace eqnn::hard
