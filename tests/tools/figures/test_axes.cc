// The tics of axes: at any width their labels do not touch, and there are enough of them to read a value.
#include <doctest/doctest.h>

#include <cmath>
#include <regex>
#include <string>
#include <vector>

#include "figures/script.h"

namespace test_axes {

namespace {

struct Label {
  double at;  // pixels
  std::string text;
};

// Of "set xtics ('1' 1, '10' 10)", on a logarithmic axis.
std::vector<Label> labels(const std::string& commands, double low, double high, double length) {
  static const std::regex kTic("'([^']*)' ([-+0-9.e]+)");
  std::vector<Label> all;
  for (std::sregex_iterator i(commands.begin(), commands.end(), kTic), end; i != end; ++i)
    all.push_back({length * std::log(std::stod((*i)[2]) / low) / std::log(high / low), (*i)[1]});
  return all;
}

}  // namespace

TEST_CASE("axes: labels of logarithmic axes do not touch, whatever they span, and there are two where two fit") {
  for (const double low : {3e-7, 0.004, 1.0, 17.0, 65000.0, 4e8})
    for (const double span : {1.3, 2.0, 4.0, 8.0, 30.0, 1e3, 1e6, 1e12})
      for (const double length : {90.0, 160.0, 250.0, 420.0, 700.0}) {
        CAPTURE(low);
        CAPTURE(span);
        CAPTURE(length);
        const auto all = labels(tools::number_axis('x', low, low * span, true, length), low, low * span, length);
        for (std::size_t i = 1; i < all.size(); ++i) {
          const double room = 6 * static_cast<double>(all[i - 1].text.size() + all[i].text.size()) / 2;
          CHECK(all[i].at - all[i - 1].at > room);
        }
        if (length >= 250 && span >= 4) CHECK(all.size() >= 2);
      }
}

TEST_CASE("axes: of few pixels a linear axis has coarser steps") {
  CHECK(tools::number_axis('x', 0, 1, false, 700).ends_with("set xtics 0.2"));
  CHECK(tools::number_axis('x', 0, 100000, false, 700).ends_with("set xtics 20000"));
  CHECK(tools::number_axis('x', 0, 100000, false, 150).ends_with("set xtics 50000"));
  CHECK(tools::number_axis('x', 0, 100000, false, 70).ends_with("set xtics 100000"));
}

}  // namespace test_axes
