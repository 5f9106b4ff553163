# What tools/quickstart, tools/test and .ci/run share: finding what is missing, installing it, building.
# Sourced by bash, not run. Functions that fail say what failed, and end the script.

set -uo pipefail
export LC_ALL=C

root=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.." && pwd -P)
cores=$(nproc)
build=$root/build

say() { printf '%s\n' "$*"; }

# die CODE MESSAGE...
die() {
  local code=$1
  shift
  printf '%s: %s\n' "$(basename "$0")" "$*" >&2
  exit "$code"
}

# Debian's own Meson and Ninja where they are: a build folder does not like to change between versions.
tool() { if [ -x "/usr/bin/$1" ]; then say "/usr/bin/$1"; else command -v "$1"; fi; }

# --- what is needed --------------------------------------------------------------------------------------

# A Debian 12 package, and how to see that what it brings is there (from the package or from elsewhere).
requirements='
g++                 program g++
meson               program meson
ninja-build         program ninja
pkg-config          program pkg-config
libopenblas-dev     module  openblas
libtbb-dev          module  tbb
libhwy-dev          module  libhwy
libfmt-dev          module  fmt
zlib1g-dev          module  zlib
libsqlite3-dev      module  sqlite3
coinor-libcbc-dev   module  cbc
gnuplot-nox         program gnuplot
nlohmann-json3-dev  module  nlohmann_json
libcli11-dev        module  CLI11
libtomlplusplus-dev module  tomlplusplus
doctest-dev         header  doctest/doctest.h
librandom123-dev    header  Random123/philox.h
librapidcheck-dev   header  rapidcheck.h
'

present() {
  case $1 in
    program) [ -n "$(tool "$2")" ] ;;
    package) dpkg-query --show --showformat '${Status}' "$2" 2>/dev/null | grep -q ' installed$' ;;
    module) pkg-config --exists "$2" 2>/dev/null ;;
    header) [ -e "/usr/include/$2" ] || printf '#include <%s>\n' "$2" | "${CXX:-g++}" -E -x c++ - >/dev/null 2>&1 ;;
  esac
}

# missing REQUIREMENTS: the packages to install, on one line.
missing() {
  local package kind name packages=()
  while read -r package kind name; do
    [ -z "$package" ] || present "$kind" "$name" || packages+=("$package")
  done <<<"$1"
  say "${packages[*]}"
}

# Why a person has to install the packages: the last line says how.
by_hand() { die 2 "$1; these Debian packages are missing: $2
Install them (on Debian 12: apt-get install $2) and run this again."; }

# require REQUIREMENTS: installs with apt what is missing.
require() {
  local packages sudo=() log answer
  packages=$(missing "$1")
  [ -n "$packages" ] || return 0
  command -v apt-get >/dev/null || by_hand "there is no apt here" "$packages"
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || by_hand "no right to install packages (neither root nor sudo)" "$packages"
    sudo=(sudo)
    [ -t 0 ] || sudo -n true 2>/dev/null || by_hand "no right to install packages (sudo refuses)" "$packages"
  fi
  if [ -t 0 ]; then
    say "Missing packages: $packages"
    read -r -p "Install them with apt? [Y/n] " answer || answer=n
    case $answer in [nN]*) by_hand "nothing was installed" "$packages" ;; esac
    [ "${#sudo[@]}" = 0 ] || sudo -v || by_hand "no right to install packages (sudo refused)" "$packages"
  fi
  say "installing: $packages"
  log=$(mktemp) || die 1 "no temporary file can be made in ${TMPDIR:-/tmp}"
  apt_get "$log" update
  # shellcheck disable=SC2086  # a list of packages
  apt_get "$log" install -y --no-install-recommends $packages
  rm -f "$log"
  packages=$(missing "$1")
  [ -z "$packages" ] || die 1 "apt installed everything, and still not found: $packages"
}

# apt_get LOG ARGUMENTS...: with the rights that `require` found.
apt_get() {
  local log=$1
  shift
  watched "apt-get $1" "$log" "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get -o DPkg::Lock::Timeout=300 "$@" && return
  die 1 "'apt-get $1' failed; its last lines are above, all of them in $log"
}

# --- building --------------------------------------------------------------------------------------------

# duration SECONDS: "12 s", "3 min 05 s".
duration() { if [ "$1" -ge 60 ]; then printf '%d min %02d s' $(($1 / 60)) $(($1 % 60)); else printf '%d s' "$1"; fi; }

# watched LABEL LOG COMMAND...: its output to the log, and how far it is to stdout: in a line that moves on a
# terminal, in a line every 10 s elsewhere. With passing=1 its lines are shown as well, and otherwise, when it fails,
# the last of them on stderr.
watched() {
  local label=$1 log=$2 status
  shift 2
  NINJA_STATUS='@%f %t@' "$@" </dev/null 2>&1 | show_progress
  status=${PIPESTATUS[0]}
  [ "$status" = 0 ] || [ "${passing-}" = 1 ] || tail -n 60 "$log" >&2
  return "$status"
}

# For `watched`: Ninja's status, "@files of total@", gives the time left; others have none.
show_progress() {
  local began=$SECONDS last=$SECONDS line='' part code text files total=0 columns clear=''
  exec 3>&1
  columns=$(stty size <&3 2>/dev/null)
  columns=${columns#* }
  [ "${columns:-0}" -gt 1 ] || columns=80
  [ ! -t 1 ] || clear=$'\r\033[K'
  : >"$log"
  while :; do
    IFS= read -r -t 1 part
    code=$?
    line+=$part
    if [ "$code" -le 128 ]; then  # a line, or the last part of one; more is a second without any
      [ "$code" = 0 ] || [ -n "$line" ] || break
      if [[ $line =~ ^@([0-9]+)\ ([0-9]+)@(.*) ]]; then
        files=${BASH_REMATCH[1]} total=${BASH_REMATCH[2]} line="[$files/$total] ${BASH_REMATCH[3]}"
      elif [ "${passing-}" = 1 ]; then
        printf '%s%s\n' "$clear" "$line"
        last=$SECONDS
      fi
      printf '%s\n' "$line" >>"$log"
      line=''
    fi
    text="$label: $(duration $((SECONDS - began))) so far"
    if [ "$total" -gt 0 ]; then
      text="$label: $files of $total files"
      [ "$files" = 0 ] || text+=", about $(duration $(((SECONDS - began) * (total - files) / files))) left"
    fi
    if [ -n "$clear" ]; then
      printf '%s%s' "$clear" "${text:0:$((columns - 1))}"
    elif [ $((SECONDS - last)) -ge 10 ]; then
      say "$text"
      last=$SECONDS
    fi
  done
  printf '%s' "$clear"
}

# configure OPTION...: sets up $build in release mode unless it is. Options (of Meson) change what is there.
configure() {
  local meson
  meson=$(tool meson)
  mkdir -p "$build" 2>/dev/null && [ -w "$build" ] ||
    die 1 "$build cannot be written; run this as the owner of $root"
  # A set-up that was interrupted starts again, and so does one from before the project moved.
  if ! [ -f "$build/build.ninja" ] || [ "$(cat "$build/source" 2>/dev/null || say "$root")" != "$root" ]; then
    rm -rf "$build/meson-private" "$build/meson-info" "$build/build.ninja"
    say "setting up $build"
    watched "setting up" "$build/setup.log" "$meson" setup --buildtype=release "$@" "$build" "$root" ||
      die 1 "'meson setup' failed; its last lines are above, all of them in $build/setup.log"
    say "$root" >"$build/source"
  elif [ $# -gt 0 ]; then
    watched "configuring" "$build/setup.log" "$(meson_of_build)" configure "$@" "$build" ||
      die 1 "'meson configure $*' failed; its last lines are above; remove $build to start again"
  fi
}

# The Meson that set $build up; another version may not be able to read it.
meson_of_build() { sed -n 's/^ COMMAND = \(.*\) install --no-rebuild$/\1/p' "$build/build.ninja" | head -n 1; }

# What installs $build: it builds what is installed alone, by the Ninja and the Meson that made the rest.
install_command() { say "$(tool ninja) -C $build installed && $(meson_of_build) install -C $build --no-rebuild"; }

# compile TARGET...: builds; all of it without targets. A terminal shows what compilers say as they say it.
compile() {
  local passing=0
  [ ! -t 1 ] || passing=1
  say "building (some minutes the first time; log: $build/build.log)"
  watched building "$build/build.log" "$(tool ninja)" -C "$build" -j "$cores" "$@" ||
    die 1 "the build failed; what the compiler said is above, and all of it in $build/build.log"
}
