// What a study claims, and what runs can show of it.

#include <algorithm>
#include <cctype>
#include <set>

#include <fmt/core.h>

#include "report/html.h"
#include "report/sections.h"
#include "report/words.h"

namespace tools {

namespace {

// Words that no finite number of runs can support.
std::string overstated(const std::string& claim) {
  std::string lower = claim;
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
  for (const char* word :
       {"unlearnable", "not learnable", "cannot be learned", "can not be learned", "never learn"})
    if (lower.find(word) != lower.npos) return word;
  return "";
}

}  // namespace

std::string claim_section(const ReportData& data) {
  if (!data.has_runs() && std::ranges::all_of(data.studies, &std::string::empty, &ReportStudy::claim)) return "";
  std::string out = "<section id=\"claim\">\n<h2>Claim</h2>\n";
  bool any = false;
  std::set<std::string> seen;
  for (const ReportStudy& s : data.studies) {
    if (s.claim.empty() || !seen.insert(s.claim).second) continue;
    any = true;
    out += fmt::format("<blockquote>{}</blockquote>\n", escaped(s.claim));
    if (const std::string word = overstated(s.claim); !word.empty())
      out +=
          note(fmt::format("The claim says “{}”. Runs can show less: not learned within this budget, by any "
                           "point of this grid.",
                           word));
  }
  if (!any) out += paragraph("The studies state no claim; what follows is what the runs gave.");
  out += paragraph(
      "“Not learned” means here: not learned within this budget, that is with these steps, samples, networks and "
      "settings. It is the best of the whole grid that is reported, over all seeds, beside a control: the same "
      "network with the same settings on the same inputs, and another function of them to learn.");
  return out + "</section>\n";
}

}  // namespace tools
