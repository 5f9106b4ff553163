# What Doxygen reads instead of a header: the comments of the house, plain `//`, as its own, `///`. A comment that stands directly
# before a declaration is that declaration's, and in a namespace also that of the declarations which follow it without a
# blank line; one after a declaration on its line is that one's; one that stands alone is told of the file. Lines that are
# indented further than the text are kept as they are. Nothing inside of functions is touched.
# POSIX awk: no interval expressions, no functions of gawk.

# Text that means nothing to Doxygen; what stands between backquotes or quotation marks it leaves as it is.
function quoted(s,    parts, n, i, mark, all) {
  mark = s ~ /`/ ? "`" : "\""
  n = split(s, parts, mark)
  for (i = 1; i <= n; ++i) {
    if (i % 2 == 1 || n % 2 == 0) parts[i] = escaped(parts[i])
    all = all (i > 1 ? mark : "") parts[i]
  }
  return all
}
function escaped(s) {
  gsub(/\\/, "\\\\", s)
  gsub(/[@<>#%*]/, "\\\\&", s)
  gsub(/\.\.\.? /, "\\&hellip; ", s)  # no end of a sentence
  gsub(/ al\. /, " al.\\ ", s)
  return s
}

# The lines of the comment in block[1 .. lines] as `start` has it.
function written(start,    i, text, all, verbatim, list) {
  all = start
  # Doxygen begins with a capital letter, of which a formula knows nothing.
  if (block[1] ~ /^[a-z][^a-z]/) all = all " &zwnj;"
  for (i = 1; i <= lines; ++i) {
    text = block[i]
    if (text !~ /^  / || text ~ /^ *$/) list = text ~ /^- /
    if (text ~ /^  / && !list && !verbatim) {
      all = all "\n/// @verbatim"
      verbatim = 1
    }
    if (verbatim && text !~ /^  /) {
      all = all "\n/// @endverbatim"
      verbatim = 0
    }
    # A formula may go on with + or * at the start of a line, which is no list.
    if (verbatim) all = all "\n/// " text
    else if (text ~ /^[-+*] / && !list) all = all " " quoted(text)
    else all = all (i > 1 ? "\n/// " : all ~ /;$/ ? "" : start == "///" ? " " : "\n/// ") quoted(text)
  }
  if (verbatim) all = all "\n/// @endverbatim"
  return all
}

# Whether a brace that opens after `code` holds declarations.
function declares(code) {
  while (match(code, /template *<[^<>]*(<[^<>]*>[^<>]*)*>/)) code = substr(code, 1, RSTART - 1) substr(code, RSTART + RLENGTH)
  return code ~ /(^|[^A-Za-z_])(namespace|struct|class|enum|union)[ {]/ && code !~ /\(/
}

# Follows braces and the ends of statements through a line of code. outside: how many braces of functions are open.
function follow(code,    i, c) {
  gsub(/"(\\.|[^"\\])*"/, "\"\"", code)
  gsub(/'(\\.|[^'\\])'/, "' '", code)
  for (i = 1; i <= length(code); ++i) {
    c = substr(code, i, 1)
    if (c == "{") {
      kind[++depth] = inside > 0 || !declares(statement) ? "body" : statement ~ /namespace/ ? "namespace" : "type"
      if (kind[depth] == "body") ++inside
      statement = ""
    } else if (c == "}") {
      if (kind[depth--] == "body") --inside
      statement = ""
      if (inside == 0) ended = 1
    } else if (c == ";" && inside == 0) {
      statement = ""
      ended = 1
    } else statement = statement c
  }
  sub(/^ *(public|protected|private):/, "", statement)
  statement = statement " "
}

function in_namespace() { return depth == 0 || kind[depth] == "namespace" }

BEGIN { depth = inside = lines = 0 }

/^ *\/\// && inside == 0 && statement ~ /^ *$/ {
  text = $0
  sub(/^ *\/\/ ?/, "", text)
  block[++lines] = text
  next
}

# A comment, and nothing that it belongs to.
lines > 0 && (/^ *$/ || /^#pragma once/ || /^}/) {
  if (in_namespace()) print written("/// @file")
  lines = 0
}

/^ *$/ && in_namespace() { shared = "" }
/^#/ { print; next }
/^extern template/ { next }

{
  code = $0
  remark = ""
  if (inside == 0 && match(code, / *\/\/ /) && code !~ /^ *}? *\/\// && code !~ /^} *\/\//) {
    remark = substr(code, RSTART + RLENGTH)
    code = substr(code, 1, RSTART - 1)
  }
  fresh = statement ~ /^ *$/ && inside == 0
  doc = ""
  if (lines > 0) {
    doc = written("///")
    shared = in_namespace() ? doc : ""
    lines = 0
  } else if (fresh && ended && in_namespace() && remark == "" && code !~ /^ *}/) doc = shared
  ended = 0
  if (doc != "" && code !~ /^ *$/) print doc
  here = code
  sub(/\/\/.*/, "", here)
  # What opens a namespace or a function has no remark of its own on that line.
  follow(here)
  if (remark != "" && (code ~ /[;,}] *$/ || code ~ /[A-Za-z0-9_] *$/) && code !~ /^}/) print code "  ///< " quoted(remark)
  else print code
}
