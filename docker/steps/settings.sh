# Sourced by every step: where things lie, what an architecture is called by whom, and whether there is work to do.
set -euo pipefail
shopt -s inherit_errexit
umask 022
export LC_ALL=C.UTF-8 TZ=UTC

readonly DOCKER=$(realpath "$(dirname "${BASH_SOURCE[0]}")/..")
readonly STEPS=$DOCKER/steps
readonly PROFILE=$DOCKER/profile/python.profdata
readonly BUILD=${BUILD:-/build}
readonly TOOLS=$BUILD/tools
readonly SOURCES=$BUILD/sources
# How the interpreter and the parsers are compiled: for what they do most. profile/instrument lets them count it.
readonly PROFILING=${PROFILING:--fprofile-use=$PROFILE}
export PATH=$TOOLS/bin:$PATH
# Holds the C library of each architecture, which zig compiles at its first use.
export ZIG_GLOBAL_CACHE_DIR=$BUILD/zig

# triplet ARCH: Debian's and Docker's name of an architecture, as compilers call it.
triplet() {
  case $1 in
    amd64) echo x86_64-linux-musl ;;
    arm64) echo aarch64-linux-musl ;;
    *) echo "docker/steps: unknown architecture '$1'; there are amd64 and arm64" >&2; return 1 ;;
  esac
}

# begin NAME INPUT...: go on in an empty $BUILD/NAME, or end the step if all is there, made from the same inputs.
begin() {
  result=$BUILD/$1
  scratch=$BUILD/scratch/$1
  shift
  made_from=$(cat "$STEPS/settings.sh" "$0" "$@" | sha256sum)
  if [ "$(cat "$result/.made-from" 2>/dev/null)" = "$made_from" ]; then exit 0; fi
  echo "== $(basename "$0") ${ARCH:-}" >&2
  rm -rf "$result" "$scratch"
  mkdir -p "$result" "$scratch"
  trap 'rm -rf "$scratch"' EXIT
  export ZIG_LOCAL_CACHE_DIR=$scratch/zig
  cd "$result"
}

# quietly COMMAND...: run it, and show what it said only if it fails.
quietly() {
  "$@" >"$scratch/log" 2>&1 || { tail -n 50 "$scratch/log" >&2; return 1; }
}

# finish: the step that `begin` began is complete.
finish() {
  echo "$made_from" >"$result/.made-from"
}
