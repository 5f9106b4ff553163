// Completion in the shells themselves, where they are: bash, zsh in a pseudo-terminal, fish.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <set>
#include <sstream>

#include "support/command.h"
#include "support/paths.h"

namespace test_completion {

using namespace cli;

namespace {

namespace fs = std::filesystem;
using Words = std::set<std::string>;

// What is offered behind a line. Only those are looked at that are no part of a longer list.
const std::map<std::string, Words> kOffered = {
    {"eqnn tr", {"train"}},
    {"eqnn train gnn-d", {"gnn-degree-parity"}},
    {"eqnn train cnn-cyclic --optimizer ", {"adam", "adamw", "sgd", "sign-sgd"}},
    {"eqnn train cnn-cyclic --head", {"--head-width"}},
    {"eqnn train cnn-cyclic --g", {}},  // --generators, --graph and --group are of other families
    {"eqnn train cnn-cyclic ", {}},     // the family is there
    {"eqnn train cnn-cyclic --lr ", {}},
    {"eqnn learn cnn-cyclic --algo ", {"spectral", "low-degree", "kernel"}},
    {"eqnn plot results.db --figure f", {"frontier", "final-loss"}},
    {"eqnn sweep run ", {"grid.toml", "folder/"}},
    {"eqnn predict ", {"folder/"}},
    {"eqnn train --config gr", {"grid.toml"}},
};

Folder& prepared(Folder& f) {
  fs::create_directory(f / "folder");
  for (const char* file : {"grid.toml", "notes.txt", "results.db", "staircase.txt"}) f.write(file, "");
  return f;
}

bool have(const char* shell) {
  return std::system(("command -v " + std::string(shell) + " >/dev/null 2>&1").c_str()) == 0;
}

// What a script of a shell prints, in the folder, with the command on its PATH.
std::string said_by(const Folder& f, const std::string& shell, const std::string& script) {
  const std::string bin = fs::path(paths::command()).parent_path().string();
  f.write(".script", script);
  const std::string line = "cd '" + f.path() + "' && PATH='" + bin + "':\"$PATH\" HOME='" + f.path() +
                           "' timeout 60 " + shell + " .script >.said 2>.errors </dev/null";
  const int status = std::system(line.c_str());
  INFO(shell, "\n", f.read(".errors"));
  CHECK(status == 0);
  return f.read(".said");
}

// "LINE<tab>WORD WORD" for each line.
void check_offers(const std::string& said, const std::map<std::string, Words>& expected) {
  std::map<std::string, Words> found;
  for (const std::string& line : lines(said)) {
    const auto tab = line.find('\t');
    if (tab == std::string::npos) continue;
    std::istringstream words(line.substr(tab + 1));
    for (std::string word; words >> word;) found[line.substr(0, tab)].insert(word);
    found[line.substr(0, tab)];
  }
  for (const auto& entry : expected) {
    std::string offered;
    REQUIRE_MESSAGE(found.contains(entry.first), entry.first, "\n", said);
    for (const std::string& word : found[entry.first]) offered += word + " ";
    CHECK_MESSAGE(found[entry.first] == entry.second, entry.first, ": ", offered);
  }
}

std::string quoted_lines(const std::map<std::string, Words>& of) {
  std::string text;
  for (const auto& entry : of) text += " '" + entry.first + "'";
  return text;
}

std::map<std::string, Words> with(std::map<std::string, Words> more) {
  more.insert(kOffered.begin(), kOffered.end());
  return more;
}

}  // namespace

TEST_CASE("completion: in bash, where = is a word of its own") {
  if (!have("bash")) return;
  Folder f;
  const auto expected = with({{"eqnn train cnn-cyclic --optimizer = s", {"sgd", "sign-sgd"}},
                              {"eqnn train cnn-cyclic --optimizer =", {"adam", "adamw", "sgd", "sign-sgd"}},
                              {"eqnn train --config = gr", {"grid.toml"}}});
  // Directories come without their slash: readline adds it.
  std::string said = said_by(prepared(f), "bash --norc",
                             "source '" + paths::source("tools/completions/eqnn.bash") + "'\n" +
                                 "complete -p eqnn >/dev/null || exit 1\n"
                                 "for line in" +
                                 quoted_lines(expected) + R"(; do
  read -r -a COMP_WORDS <<<"$line"
  [[ $line == *" " ]] && COMP_WORDS+=("")
  COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMPREPLY=()
  _eqnn
  for i in "${!COMPREPLY[@]}"; do [[ -d ${COMPREPLY[i]} ]] && COMPREPLY[i]+=/; done
  printf '%s\t%s\n' "$line" "${COMPREPLY[*]}"
done
)");
  check_offers(said, expected);
}

TEST_CASE("completion: in fish") {
  if (!have("fish")) return;
  Folder f;
  const auto expected = with({{"eqnn train cnn-cyclic --optimizer=s", {"--optimizer=sgd", "--optimizer=sign-sgd"}},
                              {"eqnn train --config=gr", {"--config=grid.toml"}}});
  check_offers(said_by(prepared(f), "fish --no-config",
                       "source '" + paths::source("tools/completions/eqnn.fish") + "'\n" + "for line in" +
                           quoted_lines(expected) + R"(
    printf '%s\t%s\n' $line (string join -- ' ' (complete -C $line | string split -f 1 \t))
end
)"),
               expected);
}

TEST_CASE("completion: in zsh, listed in a terminal of its own") {
  if (!have("zsh")) return;
  Folder f;
  const auto expected = with({{"eqnn train cnn-cyclic --optimizer=s", {"--optimizer=sgd", "--optimizer=sign-sgd"}},
                              {"eqnn train --config=", {"grid.toml"}}});
  const std::string folder = fs::path(paths::source("tools/completions/_eqnn")).parent_path().string();
  // The inner shell writes down what is added to the list: on the screen are the words that were typed, too.
  prepared(f).write(".inner", "fpath=('" + folder + R"(' $fpath)
autoload -Uz compinit; compinit -u -D
compadd() {
  local word
  local -a added
  for word in "$@"; do
    [[ $word == (-|--) ]] && break
    [[ $word == -[OAD]* ]] && { builtin compadd "$@"; return }
  done
  builtin compadd -O added "$@"
  print -rl -- $added >>.added
  builtin compadd "$@"
}
LISTMAX=0
PS1='<READY>'
bindkey '^I' list-choices
)");
  const std::string said = said_by(f, "zsh -f", R"(zmodload zsh/zpty || exit 1
zpty z "TERM=vt100 zsh -f -i"
zpty -w z "source ./.inner"
zpty -r z out '*<READY>*'  # from there on keys are its own, not the terminal's
for line in)" + quoted_lines(expected) + R"zsh(; do
  : >.added
  zpty -w -n z "$line"$'\t\C-u'
  zpty -w z "print EN''D"
  zpty -r z out '*END*<READY>*'
  words=()
  for word in ${(fu)"$(<.added)"}; do
    [[ -d $word ]] && word+=/
    words+=($word)
  done
  print -r -- "$line"$'\t'"$words"
done
zpty -d z
)zsh");
  check_offers(said, expected);
}

}  // namespace test_completion
