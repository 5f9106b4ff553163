// A graph as an ONNX file, and back: the wire format of protocol buffers
// (https://protobuf.dev/programming-guides/encoding), of which onnx.proto takes numbers, texts and messages with a
// length.
#pragma once

#include <string_view>

#include "interchange/graph.h"

namespace tools {

inline constexpr Index kOnnxOperators = 18;  // the version of the operator set
inline constexpr Index kOnnxFormat = 8;      // the version of the file format that goes with it

// The bytes of the file: the same arguments give the same bytes. Throws ValueError beyond 2 GB, which protocol
// buffers do not hold.
std::string encode_onnx(const NetworkGraph& graph, const std::map<std::string, std::string>& metadata);

// The graph of a file of any version; all its initialisers are `constants`, of the dtypes that eqnn does not know
// without their bytes. Attributes that eqnn does not write are left out. Throws FileError with `path` for a file
// that is cut off or no ONNX model, and for arrays that are kept in other files.
NetworkGraph decode_onnx(std::string_view bytes, std::string_view path);

}  // namespace tools
