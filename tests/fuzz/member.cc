// Member files of every family, the first byte saying which: JSON (a, b, ..), and npz (the next letters).
#include <eqnn/hard/family.h>

#include "archive.h"
#include "cli/json.h"
#include "data/members.h"
#include "harness.h"

namespace {

using eqnn::Index;

void use(const eqnn::hard::Family& family, const eqnn::hard::Member& member) {
  const eqnn::hard::InputLayout& in = member.input();
  fuzz::expect(in.points > 0 && in.channels > 0, "an input has points and channels");
  const std::string text = member.json();
  fuzz::expect(family.parse(text)->json() == text, "a member is read back");
  fuzz::expect(!eqnn::parse_json(text).empty(), "a member is a document");
  // Not its facts: they are computed for seconds, from numbers that the rest has read.
  fuzz::sink = static_cast<double>(member.warnings().size()) + member.target_variance();
  constexpr Index most = 1 << 16, count = 3;
  if (in.points * in.channels > most) return;
  std::vector<double> x(static_cast<std::size_t>(count * in.points * in.channels)), y(count);
  const eqnn::Block<double> block{x.data(), count, in.points, in.channels, in.channels};
  member.sample({1, eqnn::Stream::user, 2, 3}, block);
  const eqnn::Block<const double> inputs{x.data(), count, in.points, in.channels, in.channels};
  member.targets(inputs, y.data());
  for (Index e = 0; e < count; ++e) {
    const double value = member.value({block.row(e), in.points, in.channels, in.channels});
    fuzz::expect(!member.two_valued() || y[static_cast<std::size_t>(e)] == 1 - 2 * value,
                 "a target is of its value");
  }
  fuzz::add_up(y);
  member.controls(inputs, y.data());
  fuzz::add_up(y);
  if (member.input_count() > 0)
    member.list_inputs(member.input_count() - 1, {x.data(), 1, in.points, in.channels, in.channels});
  if (const auto* layout = member.features(); layout != nullptr && layout->points * layout->channels <= most) {
    std::vector<double> z(static_cast<std::size_t>(layout->points * layout->channels));
    member.features({x.data(), 1, in.points, in.channels, in.channels},
                    {z.data(), 1, layout->points, layout->channels, layout->channels});
    fuzz::add_up(z);
  }
  if (const auto* graph = member.graph())
    for (Index i = 0; i < graph->rows(); ++i) fuzz::sink = (*graph)(i, graph->cols() - 1);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view bytes = fuzz::text_of(data, size);
  const auto& families = eqnn::hard::families();
  const std::size_t choice = fuzz::take_choice(bytes, 2 * families.size());
  const eqnn::hard::Family& family = families[choice % families.size()];
  fuzz::reads([&] {
    if (choice < families.size()) return use(family, *family.parse(bytes));
    static const fuzz::InputFolder folder;
    use(family, *tools::read_member(family, folder.write("member.npz", bytes), 3));
  });
  return 0;
}
