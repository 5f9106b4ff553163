// Labelled examples from files, as the command's flags name them.
#pragma once

#include <string>
#include <vector>

#include <eqnn/data/collator.h>
#include <eqnn/data/labelled_examples.h>
#include <eqnn/data/stratify.h>

namespace tools {

using eqnn::DataChoices;
using eqnn::Index;
using eqnn::LabelledExamples;

// gin, tudataset, npz, csv.
const std::vector<std::string>& dataset_formats();

// Reads `path` in one of the formats (eqnn/data/readers.h, which says what they are and what is refused). The notes
// say which flags leave a guess out. Throws ValueError for another format, and for a choice of node labels without
// graphs.
LabelledExamples read_dataset(const std::string& path, const std::string& format, const DataChoices& choices = {});

}  // namespace tools
