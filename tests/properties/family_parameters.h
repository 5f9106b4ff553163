// Random members: of each family, parameters that it allows.
#pragma once

#include <eqnn/hard/family.h>

#include <string>
#include <utility>

#include "properties/property.h"

namespace eqnn::testing {

struct DrawnFamily {
  std::string id;
  hard::ParameterValues values;
};

inline void showValue(const DrawnFamily& f, std::ostream& out) {
  out << f.id;
  for (const auto& [name, value] : f.values) out << " --" << name << " " << value;
}

// Numbers of planar families are even, or 1.
inline rc::Gen<std::string> any_k() { return rc::gen::element<std::string>("1", "2", "4", "6", "10"); }
inline std::string number(Index low, Index high) { return std::to_string(*between(low, high)); }
// One of the laws of inputs of planar families; `size` entries along the plane's axis.
inline void add_law(hard::ParameterValues& values, Index size) {
  values["input-correlation"] = *rc::gen::element<std::string>("0", "0.3", "0.8");
  if (values["input-correlation"] == "0" && size > 2 && *between<Index>(0, 1) == 1)
    values["input-dim"] = number(2, size - 1);
}

// Called where rapidcheck draws: in a property, or by gen::exec.
inline hard::ParameterValues drawn_parameters(const std::string& family) {
  if (family == "gnn-degree-parity")
    return {{"n", number(2, 12)},
            {"self-loops", *rc::gen::element<std::string>("false", "true")},
            {"edge-probability", *rc::gen::element<std::string>("0.5", "0.2", "0.9")},
            {"bias-max", "1"},
            {"min-count", "0"}};
  if (family == "gnn-feature") {
    hard::ParameterValues values{{"n", number(2, 8)},
                                 {"d", number(3, 6)},
                                 {"k", *any_k()},
                                 {"graph", *rc::gen::element<std::string>("cycle", "empty", "complete", "er")}};
    add_law(values, std::stol(values["d"]));
    return values;
  }
  if (family == "cnn-cyclic") {
    hard::ParameterValues values{{"n", number(3, 12)},
                                 {"d", number(1, 3)},
                                 {"k", *any_k()},
                                 {"c-min", *rc::gen::element<std::string>("0", "0.1", "0.3")}};
    add_law(values, std::stol(values["n"]));
    return values;
  }
  if (family == "rotation-invariant") {
    hard::ParameterValues values{{"n", number(2, 8)}, {"d", number(1, 5)}, {"k", *any_k()}};
    add_law(values, std::stol(values["n"]));
    return values;
  }
  if (family == "frame-parity") {
    const Index n = *between<Index>(2, 12);
    return {{"n", std::to_string(n)},
            {"k", std::to_string(2 * *between<Index>(1, std::min<Index>(n / 2, 4)))},
            {"frame", *rc::gen::element<std::string>("sort", "cyclic", "none")}};
  }
  if (family == "boolean-orbit") {
    const std::string group = *rc::gen::element<std::string>("cyclic", "symmetric", "adjacency");
    const Index n = *between<Index>(2, 20), m = 2 + n % 3;
    return {{"group", group}, {"n", std::to_string(group == "adjacency" ? m * m : n)}};
  }
  if (family == "staircase") {
    const Index degree = *between<Index>(1, 6);
    return {{"r", number(degree, 8)},
            {"m", number(1, 3)},
            {"degree", std::to_string(degree)},
            {"leap", number(1, degree)}};
  }
  const std::string generators = *rc::gen::element<std::string>("rowsum", "sign", "cyclic");
  const Index r = *between<Index>(1, 8);
  hard::ParameterValues values{{"generators", generators},
                               {"r", std::to_string(r)},
                               {"degree", number(1, std::min<Index>(r, 6))},
                               {"terms", number(1, 4)}};
  if (generators == "rowsum") values["m"] = number(1, 3);
  return values;
}

inline rc::Gen<DrawnFamily> any_family() {
  return rc::gen::exec([] {
    const auto& all = hard::families();
    DrawnFamily f;
    f.id = all[*between<std::size_t>(0, all.size() - 1)].id;
    f.values = drawn_parameters(f.id);
    return f;
  });
}

}  // namespace eqnn::testing
