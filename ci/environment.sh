# shellcheck shell=bash
# Sourced by the scripts beside it. `use_environment NAME WHAT…` puts a virtual environment of the checkout's
# own, .venv-NAME, at the head of PATH, with WHAT… installed into it by pip. It is used again as long as
# nothing has changed that it was made from.

checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

use_environment() {
  local folder="$checkout/.venv-$1" made_from
  shift
  python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "Python 3.11 or later is needed as python3; there is $(python3 --version 2>&1)" >&2
    return 1
  }
  made_from=$(
    printf '%s\n' "$checkout" "$*"
    python3 -c 'import sys; print(sys.version, sys.base_prefix)'
    cat "$checkout/pyproject.toml"
    # Where the package is copied into it, and not linked to, its files count too.
    [[ "$1" == -e ]] || find "$checkout/dtset" -type f ! -name '*.pyc' -exec cksum {} + | sort
  )
  if [[ "$(cat "$folder/made-from.txt" 2>/dev/null)" != "$made_from" ]]; then
    echo "Making ${folder#"$checkout"/} …"
    rm -rf "$folder"
    python3 -m venv "$folder"
    # Nothing is left elsewhere: pip's own child processes heed the variables, not the options.
    (cd "$checkout" && PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 \
      "$folder/bin/python" -m pip install --quiet "$@")
    printf '%s\n' "$made_from" >"$folder/made-from.txt"
  fi
  export PATH="$folder/bin:$PATH"
  unset PYTHONPATH PYTHONHOME
}

# A folder that is removed when the script ends, and is HOME until then: nothing that runs can find the
# configuration and stores of whoever started it, nor change them.
use_scratch() {
  scratch=$(mktemp -d "${TMPDIR:-/tmp}/dtset-$1.XXXXXX")
  trap 'rm -rf "$scratch"' EXIT
  mkdir "$scratch/home" "$scratch/tmp"
  export HOME="$scratch/home" TMPDIR="$scratch/tmp"
  unset "${!DASK_@}" "${!DTSET_@}" "${!XDG_@}"
}

step() {
  printf '\n== %s\n' "$*"
  "$@"
}
