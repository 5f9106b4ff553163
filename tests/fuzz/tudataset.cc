// Graphs in the files of TUDataset, the parts of the input.
#include "examples.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::InputFolder folder;
  folder.write_parts(fuzz::text_of(data, size),
                     {"DS_A.txt", "DS_graph_indicator.txt", "DS_graph_labels.txt", "DS_node_labels.txt",
                      "DS_node_attributes.txt", "DS_graph_attributes.txt"});
  fuzz::read_examples(folder / "DS", "tudataset");
  return 0;
}
