// Examples as a table, and the vectors of `eqnn reduce`, whose file has the same format.
#include "examples.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fuzz::InputFile file(fuzz::text_of(data, size));
  fuzz::read_examples(file.path(), "csv");
  return 0;
}
