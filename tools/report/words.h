// Words and small pieces of markup that the sections of a page share.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "report/data.h"
#include "report/html.h"

namespace tools {

// Rows that a table has at most; the rest is counted.
inline constexpr std::size_t kMaxReportRows = 300;

std::string study_name(const ReportStudy& s);
std::string study_heading(const ReportStudy& s);
std::string paragraph(std::string_view text);
std::string note(std::string_view text);
// "1 run", "2 runs".
std::string plural(std::size_t count, const std::string& word);
std::string join(const std::vector<std::string>& parts, const char* between = ", ");
// Puts family, network and size before the rows of a subject.
void name_rows(std::vector<HtmlRow>& rows, const ReportSubject& s);
// A path as a page may show it: without the machine's folders.
std::string shown_path(const std::string& path);

}  // namespace tools
