# What Doxygen reads instead of a guide: the same Markdown, with the names of pages and headings that a repository page gives them,
# and links that work in the site. Set by the caller: root, the folder of the repository; headers, a folder with the
# public headers as they are installed; files, a list to which every other file that is linked to is appended.
# POSIX awk.

function page_of(path) {
  sub(/\.md$/, "", path)
  gsub(/[^A-Za-z0-9]/, "_", path)
  return path == "README" ? "index" : path
}

# What a repository page calls a heading, the second of a name with -1 behind it.
function slug(title) {
  title = tolower(title)
  gsub(/\[|\]\([^)]*\)/, "", title)
  gsub(/[^a-z0-9_ -]/, "", title)
  gsub(/ /, "-", title)
  return title (slugs[title]++ ? "-" slugs[title] - 1 : "")
}

# A path beside this guide, from the root.
function from_root(path,    n, i, part, out, k) {
  n = split(folder path, part, "/")
  for (i = k = 1; i <= n; ++i)
    if (part[i] == "..") --k
    else if (part[i] != ".") out[k++] = part[i]
  path = out[1]
  for (i = 2; i < k; ++i) path = path "/" out[i]
  return path
}

function exists(path,    line, found) {
  found = (getline line < path) >= 0
  close(path)
  return found
}

function target(link, image,    anchor, path, name) {
  if (link ~ /^[a-z]+:/) return link
  anchor = link ~ /#/ ? "-" substr(link, index(link, "#") + 1) : ""
  sub(/#.*/, "", link)
  if (link == "") return "@ref " page anchor
  path = from_root(link)
  if (image) {
    sub(/.*\//, "", path)
    return path
  }
  if (path ~ /\.md$/) return "@ref " page_of(path) anchor
  name = path
  if (sub(/^libeqnn\//, "eqnn/", name) && exists(headers "/" name)) return "@ref " name
  print path >> files
  close(files)
  return "files/" path
}

function linked(s,    all, link, image) {
  while (match(s, /\]\([^() ]+\)/)) {
    link = substr(s, RSTART + 2, RLENGTH - 3)
    image = all substr(s, 1, RSTART) ~ /!\[[^\]]*\]$/
    all = all substr(s, 1, RSTART) "(" target(link, image) ")"
    s = substr(s, RSTART + RLENGTH)
  }
  return all s
}

# Doxygen takes no code in the text of a link.
function unquoted(s,    all, text) {
  while (match(s, /\[[^][]*\]\([^() ]+\)/)) {
    text = substr(s, RSTART, RLENGTH)
    gsub(/`/, "", text)
    all = all substr(s, 1, RSTART - 1) text
    s = substr(s, RSTART + RLENGTH)
  }
  return all s
}

# A line outside of blocks of code: links, and what means something to Doxygen alone. `quoting`: within backquotes, which may
# go on from line to line of a paragraph.
function shown(s,    parts, n, i, all) {
  n = split(unquoted(s), parts, "`")
  for (i = 1; i <= n; ++i) {
    if (i > 1) quoting = !quoting
    if (!quoting) {
      gsub(/\\[^|*_`]/, "\\\\&", parts[i])
      gsub(/[@<%]/, "\\\\&", parts[i])
      parts[i] = linked(parts[i])
    }
    all = all (i > 1 ? "`" : "") parts[i]
  }
  return all
}

FNR == 1 {
  path = FILENAME
  if (index(path, root "/") == 1) path = substr(path, length(root) + 2)
  page = page_of(path)
  folder = path
  sub(/[^\/]*$/, "", folder)
}

/^```/ { fenced = !fenced; print; next }
fenced { print; next }
/^ *$/ { quoting = 0; print; next }
# Doxygen makes no links in headings: they stand in a line of their own.
/^#+ / {
  title = links = $0
  sub(/^#+ /, "", title)
  label = /^# / ? page : page "-" slug(title)
  sub(/: \[[^\]]*\]\([^() ]+\)$/, "", title)
  gsub(/\]\([^() ]+\)/, "", title)
  gsub(/[[`]/, "", title)
  match($0, /^#+/)
  print substr($0, 1, RLENGTH) " " shown(title) (label == "index" ? "" : " {#" label "}")
  if (sub(/^[^\[]*\[/, "[", links)) print "\n" shown(links)
  next
}
{ print shown($0) }
