# Shared by the set-up scripts: where things are kept, and how they are announced.
# Sourced, not run. Everything that is fetched or built lands under one cache folder, so that a second run takes seconds.

cache_dir=${MODELFLOAT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/modelfloat}
mkdir -p "$cache_dir"

say() { if [ -t 2 ]; then printf '\033[1m==>\033[0m %s\n' "$*" >&2; else printf '==> %s\n' "$*" >&2; fi; }
die() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }

# Runs a command as root: directly, or by sudo.
as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif command -v sudo >/dev/null; then sudo "$@"
  else die "needs root for: $* (no sudo found)"
  fi
}

# Runs a command quietly; shows its whole output when it fails.
quietly() {
  local log
  log=$(mktemp)
  if "$@" >"$log" 2>&1; then rm -f "$log"
  else local rc=$?; cat "$log" >&2; rm -f "$log"; return $rc
  fi
}

# The Python of our own environment, made on first use.
python_env() {
  local env=$cache_dir/python
  [ -x "$env/bin/pip" ] || quietly python3 -m venv "$env" || die "cannot make a Python environment in $env"
  printf '%s\n' "$env/bin/python"
}

# Fetches one pinned package file of PyPI into the cache and prints its path.  fetch_pypi NAME==VERSION SHA256 [pip option ...]
fetch_pypi() {
  local spec=$1 sha256=$2 dir=$cache_dir/packages/${1%%==*}-${1##*==} python file
  shift 2
  file=$(find "$dir" -maxdepth 1 -type f 2>/dev/null | head -n 1)
  if [ -z "$file" ] || ! echo "$sha256  $file" | sha256sum --check --status; then
    python=$(python_env)
    rm -rf "$dir.part"
    say "fetching $spec"
    quietly "$python" -m pip download --quiet --disable-pip-version-check --no-deps "$@" --dest "$dir.part" "$spec" ||
      die "cannot fetch $spec"
    file=$(find "$dir.part" -maxdepth 1 -type f | head -n 1)
    echo "$sha256  $file" | sha256sum --check --status || die "$spec has another SHA-256 than the pinned $sha256"
    rm -rf "$dir"
    mv "$dir.part" "$dir"
    file=$dir/$(basename "$file")
  fi
  printf '%s\n' "$file"
}

# Unpacks one file or folder of a pinned package file into a folder of the cache, once, and prints its path.  unpack_pypi FOLDER NAME==VERSION SHA256 PATH
unpack_pypi() {
  local home=$cache_dir/$1/${2/==/-} archive
  if [ ! -e "$home/$4" ]; then
    archive=$(fetch_pypi "$2" "$3")
    rm -rf "$home.part"
    python3 -m zipfile -e "$archive" "$home.part"
    [ -e "$home.part/$4" ] || die "$2 has no $4"
    rm -rf "$home"
    mv "$home.part" "$home"
  fi
  printf '%s\n' "$home/$4"
}

# A Python environment of its own with exactly what a file of requirements pins by hash, made once; prints its folder.  locked_python FILE
locked_python() {
  local wanted env
  wanted=$(sha256sum "$1" | cut -c 1-16)
  env=$cache_dir/python-$(basename "$1" .txt)-$wanted
  if [ ! -e "$env/complete" ]; then
    rm -rf "$env"
    say "installing what $(basename "$1") pins"
    quietly python3 -m venv "$env"
    quietly "$env/bin/pip" install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r "$1"
    touch "$env/complete"
  fi
  printf '%s\n' "$env"
}
