// Tables.
#include <algorithm>
#include <cmath>
#include <utility>

#include "lines.h"
#include "readers.h"
#include "reading.h"

namespace eqnn {
namespace {

constexpr std::size_t kMostCsvClasses = 64;
constexpr double kExact = 9007199254740992.0;  // 2^53: whole numbers below it are exact in double

// Fills x, and gives the targets.
std::vector<double> read_table(LabelledExamples& data) {
  Lines in(data.path, Lines::Separator::commas);
  std::vector<double> y;
  std::size_t columns = 0;
  std::vector<std::string> names;  // of the fields, in errors
  while (in.next()) {
    const auto& fields = in.fields();
    if (in.number() == 1) {
      columns = fields.size();
      in.check(columns >= 2, "there are ", columns,
               " fields; two at least are needed, an input and the target, with commas between them");
      for (std::size_t i = 1; i < columns; ++i) names.push_back(concat("field ", i));
      names.push_back(concat("field ", columns, ", the target,"));
      if (in.is_header()) continue;
    }
    in.check(fields.size() == columns, "there are ", fields.size(), " fields and ", columns,
             " in the first line; all lines need equally many", in.last() ? ", or the file was cut off" : "");
    for (std::size_t i = 0; i + 1 < columns; ++i) data.x.push_back(in.real(i, names[i]));
    y.push_back(in.real(columns - 1, names.back()));
  }
  require<FileError>(!y.empty(), data.path, ": the file holds no example; one a line is needed");
  data.examples = static_cast<Index>(y.size());
  data.points = static_cast<Index>(columns) - 1;
  data.channels = 1;
  return y;
}

void take_targets(LabelledExamples& data, std::vector<double> y, DataChoices::Targets targets) {
  std::vector<double> different = y;
  std::sort(different.begin(), different.end());
  different.erase(std::unique(different.begin(), different.end()), different.end());
  const bool whole = std::all_of(different.begin(), different.end(),
                                 [](double v) { return v == std::floor(v) && std::abs(v) < kExact; });
  const bool guessed = targets == DataChoices::Targets::guessed;
  if (!whole || targets == DataChoices::Targets::real || (guessed && different.size() > kMostCsvClasses))
    return set_targets(data, std::move(y));
  std::vector<std::int64_t> classes;
  for (const double v : y) classes.push_back(static_cast<std::int64_t>(v));
  set_classes(data, classes);
  data.guessed = guessed;
  if (guessed)
    data.notes.push_back(
        concat("the targets are whole numbers, ", different.size(), " different ones: they are taken for classes"));
}

}  // namespace

LabelledExamples read_csv(const std::string& path, const DataChoices& choices) {
  LabelledExamples data{.path = path, .format = "csv"};
  take_targets(data, read_table(data), choices.targets);
  return data;
}

}  // namespace eqnn
