// Arrays in npz, and the examples and inputs in them.
#include "archive.h"
#include "data/inputs.h"
#include "examples.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fuzz::InputFile file(fuzz::text_of(data, size));
  fuzz::reads([&] {
    for (const auto& [name, array] : eqnn::read_npz(file.path())) fuzz::add_up(eqnn::as_doubles(array));
  });
  fuzz::read_examples(file.path(), "npz");
  for (const bool other_sizes : {false, true})
    fuzz::reads([&] {
      const tools::InputArray inputs =
          tools::read_inputs(file.path(), {.name = "x", .points = 3, .channels = 2, .other_sizes = other_sizes});
      for (eqnn::Index e = 0; e < inputs.examples; ++e) {
        const auto x = inputs.example(e);
        for (eqnn::Index i = 0; i < x.rows; ++i)
          for (eqnn::Index j = 0; j < x.cols; ++j) fuzz::sink = x(i, j);
      }
    });
  return 0;
}
