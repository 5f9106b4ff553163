// Spelling suggestions for error messages.
#pragma once

#include <algorithm>
#include <numeric>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace eqnn {

// Levenshtein distance: the fewest insertions, deletions and substitutions of one character that turn
// `a` into `b`.
inline std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t substituted = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({substituted, diagonal + 1, row[j] + 1});
    }
  }
  return row[b.size()];
}

// The known word nearest to `word` in edit distance, whatever the case of letters first; the first of equals; empty
// when none is known.
inline std::string nearest(std::string_view word, const std::vector<std::string>& known) {
  const auto lower = [](std::string text) {
    for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    return text;
  };
  const auto distance = [&](const std::string& k) {
    return std::pair(edit_distance(lower(std::string(word)), lower(k)), edit_distance(word, k));
  };
  const auto best = std::min_element(known.begin(), known.end(), [&](const std::string& a, const std::string& b) {
    return distance(a) < distance(b);
  });
  return best == known.end() ? std::string() : *best;
}

}  // namespace eqnn
