// Graphs in the text format of the GIN benchmark.
#include "examples.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fuzz::InputFile file(fuzz::text_of(data, size));
  fuzz::read_examples(file.path(), "gin");
  return 0;
}
