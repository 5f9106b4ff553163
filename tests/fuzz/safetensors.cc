// Parameters in safetensors.
#include <eqnn/io/safetensors.h>

#include "harness.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::reads([&] {
    const eqnn::SafeTensors file = eqnn::decode_safetensors(fuzz::text_of(data, size), "input");
    for (const eqnn::NamedArray& a : file.arrays)
      for (const std::byte b : a.bytes) fuzz::sink = std::to_integer<int>(b);
    const std::string written = eqnn::encode_safetensors(file.arrays, file.metadata);
    const eqnn::SafeTensors again = eqnn::decode_safetensors(written, "what was written");
    fuzz::expect(again.arrays.size() == file.arrays.size() && again.metadata == file.metadata,
                 "what is written is read back");
    eqnn::Params<float> params;
    params.weight("weight", 2, 3);
    params.bias("bias", 3);
    params.freeze();
    eqnn::load_parameter_arrays<float>(params, params.values(), file, "");
    fuzz::add_up(params.values());
  });
  return 0;
}
