// Spelling suggestions for error messages.
#pragma once

#include <algorithm>
#include <cstdint>
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

// The known word that may be meant by `word`: the nearest in edit distance, whatever the case of letters first, the
// first of equals, if it is near: at most a third of the letters or two are other ones, and not all of them, or
// they are the same in another order. Else the first that contains all of a word of three letters or more; else
// empty. Leading dashes do not count.
inline std::string nearest(std::string_view word, const std::vector<std::string>& known) {
  const auto plain = [](std::string_view text) {
    std::string lower(text.substr(std::min(text.find_first_not_of('-'), text.size())));
    for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    return lower;
  };
  const std::string wanted = plain(word);
  std::pair<std::size_t, std::size_t> least(SIZE_MAX, SIZE_MAX);
  std::string best, container;
  for (const std::string& k : known) {
    const std::string name = plain(k);
    const std::size_t longer = std::max(wanted.size(), name.size());
    const std::size_t most = longer < 4 ? 1 : std::max<std::size_t>(2, longer / 3);
    const std::pair distance(edit_distance(wanted, name), edit_distance(word, k));
    const bool near =
        (distance.first <= most && distance.first < longer) ||
        (wanted.size() == name.size() && std::is_permutation(wanted.begin(), wanted.end(), name.begin()));
    if (near && distance < least) {
      least = distance;
      best = k;
    }
    if (container.empty() && wanted.size() >= 3 && name.find(wanted) != std::string::npos) container = k;
  }
  return best.empty() ? container : best;
}

// What a message says behind a word that is not known: "; the nearest is 'WORD'", or, where none is near, of at
// most 32 "; there are A, B, C", and nothing of more.
inline std::string spelling_hint(std::string_view word, const std::vector<std::string>& known) {
  if (const std::string near = nearest(word, known); !near.empty()) return "; the nearest is '" + near + "'";
  if (known.empty() || known.size() > 32) return "";
  std::string list;
  for (const std::string& k : known)
    list += (list.empty() ? (known.size() == 1 ? "; there is " : "; there are ") : ", ") + k;
  return list;
}

}  // namespace eqnn
