// Text in lines of a width: of help, and of what is printed on a terminal.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace tools {

// The characters of a line of help: of the terminal, or COLUMNS, from 60 to 120; 80 where neither says.
std::size_t terminal_columns();
// Those of a line of results, from 40 on: without bound where stdout is no terminal, since programs read them.
std::size_t line_columns();

// Words of `text` in lines of at most `columns` characters, each but the first behind `indent` spaces; the first
// has `used` characters already. A word that is longer stays whole.
std::string wrapped(const std::string& text, std::size_t used, std::size_t indent, std::size_t columns);

// Rows of cells, of equal number, as a table. Where that is wider than `columns`, each row takes several lines,
// those behind the first further in; a cell stays whole.
std::string table_text(const std::vector<std::vector<std::string>>& rows, std::size_t columns);

}  // namespace tools
