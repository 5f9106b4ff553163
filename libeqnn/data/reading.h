// What the readers share. Not installed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "labelled_examples.h"

namespace eqnn {

// Classes with their names, or real targets. Throw FileError where all are the same.
void set_classes(LabelledExamples& data, const std::vector<std::int64_t>& numbers);
void set_targets(LabelledExamples& data, std::vector<double> y);
// Whole numbers as what the user says that they are.
void set_numbers(LabelledExamples& data, const std::vector<std::int64_t>& numbers, DataChoices::Targets targets);

// The last of reading graphs: labels that the file does not give, and the number of channels.
void finish_graphs(LabelledExamples& data, DataChoices::NodeLabels choice);

// The shortest text that reads back as the same number, without an exponent from 1e-4 to 1e16.
std::string number_in_words(double value);

}  // namespace eqnn
