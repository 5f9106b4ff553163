// What families of polynomials of generators share: member files, parameters, facts and checks. Internal.
#pragma once

#include <string_view>
#include <vector>

#include "invariant_poly.h"

namespace eqnn::hard {

// A member file (InvariantPoly::json). Throws FileError for what does not parse, ValueError for values of another
// type; the member checks the rest.
struct PolynomialFile {
  PolynomialInputs inputs;
  std::vector<PolynomialTerm> terms;
};
// `more`: keys that may be there too, and are not read here.
PolynomialFile parse_polynomial(std::string_view text, std::vector<std::string> more = {});

// generators, r, m, n; and their values, with r as it is where it is not given. Throws ValueError for an n of other
// generators than cyclic ones, and below 3.
std::vector<Parameter> polynomial_input_parameters();
PolynomialInputs read_polynomial_inputs(const ParameterReader& read);

// Of the network `poly`; none for a member of degree above 4.
std::vector<Fact> realising_network_facts(const InvariantPoly& f);

// The check of many members (check_invariant_polys) for members with these terms. REQUIRES: terms are valid and
// normalised, and there is a member.
std::vector<Check> check_polynomials(const PolynomialInputs& inputs, std::vector<std::vector<PolynomialTerm>> terms,
                                     const CheckOptions& options);

}  // namespace eqnn::hard
