// Any JSON document.
#include <eqnn/io/json.h>

#include "harness.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  const eqnn::Json lenient = eqnn::parse_json_if(text);
  bool read = false;
  fuzz::reads([&] {
    const eqnn::Json document = eqnn::parse_json(text, "input");
    read = true;
    fuzz::expect(text.find('\0') == text.npos, "all of the text is read");
    fuzz::expect(document == lenient, "both parsers read the same");
    // Numbers that no double holds are refused, so what is written can be read again.
    const std::string written = eqnn::to_text(document);
    fuzz::expect(eqnn::to_text(eqnn::parse_json(written)) == written, "what is written is read back");
    fuzz::sink = static_cast<double>(eqnn::to_text(document, 2).size());
  });
  fuzz::expect(read != lenient.is_discarded(), "both parsers accept the same");
  return 0;
}
