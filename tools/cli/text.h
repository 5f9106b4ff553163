// Text as other programs read it: shells, CSV, SQL, markup.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tools {

// The shortest text that reads back as the same number.
std::string number_text(double value);

// A number without the plus sign that it may have: std::from_chars takes none.
std::string_view without_plus(std::string_view number);

// A word as a POSIX shell reads it: in single quotes, where it has characters that a shell may take for others.
std::string shell_word(const std::string& word);
std::string shell_text(const std::vector<std::string>& words);

// A field of RFC 4180: in double quotes, where it has a comma, a quote or an end of line.
std::string csv_field(const std::string& text);

// The text of an element or attribute of HTML and SVG; characters that they do not allow become U+FFFD.
std::string markup_text(std::string_view text);

// An identifier of SQL, in double quotes.
std::string sql_name(const std::string& name);

// The middle value, or the mean of the two middle ones (infinite as soon as one of them is); NaN of none.
double median(std::vector<double> values);

}  // namespace tools
