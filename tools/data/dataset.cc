#include "data/dataset.h"

#include <algorithm>

#include <eqnn/data/lines.h>
#include <eqnn/data/readers.h>

#include "cli/name_table.h"

namespace tools {

using eqnn::require;

const std::vector<std::string>& dataset_formats() {
  static const std::vector<std::string> formats = {"gin", "tudataset", "npz", "csv"};
  return formats;
}

LabelledExamples read_dataset(const std::string& path, const std::string& format, const DataChoices& choices) {
  const std::vector<std::string>& formats = dataset_formats();
  require(std::find(formats.begin(), formats.end(), format) != formats.end(), "--format is ",
          eqnn::in_quotes(format), "; gin, tudataset, npz and csv are allowed", nearest_of(format, formats));
  LabelledExamples data = format == "gin"         ? eqnn::read_gin(path, choices)
                          : format == "tudataset" ? eqnn::read_tudataset(path, choices)
                          : format == "npz"       ? eqnn::read_npz_dataset(path, choices)
                                                  : eqnn::read_csv(path, choices);
  require(data.has_graphs() || choices.node_labels == DataChoices::NodeLabels::guessed ||
              choices.node_labels == DataChoices::NodeLabels::file,
          "--node-labels is for graphs, and the examples of ", path, " are arrays; leave it out");
  if (data.guessed)
    data.notes.back() +=
        data.has_graphs() ? "; --node-labels none leaves it out" : "; --loss mse takes them for numbers";
  return data;
}

}  // namespace tools
