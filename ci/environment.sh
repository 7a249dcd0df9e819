# Sourced by the scripts beside it: `use_environment NAME WHAT…` puts a virtual environment of the
# checkout's own, .venv-NAME, at the head of PATH, with WHAT… installed into it by pip. It is made anew
# when pyproject.toml or the Python changes, and used again otherwise.

checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

use_environment() {
  local folder="$checkout/.venv-$1" wanted
  shift
  python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "Python 3.11 or later is needed as python3; this is $(python3 --version 2>&1)" >&2
    return 1
  }
  wanted=$(
    printf '%s\n' "$checkout" "$*"
    python3 -c 'import sys; print(sys.version, sys.base_prefix)'
    cat "$checkout/pyproject.toml"
  )
  if [[ "$(cat "$folder/installed.txt" 2>/dev/null)" != "$wanted" ]]; then
    echo "Installing into ${folder#"$checkout"/} …"
    rm -rf "$folder"
    python3 -m venv "$folder"
    # What pip caches or leaves in temporary folders is removed with the environment.
    (cd "$checkout" && "$folder/bin/python" -m pip install --quiet --disable-pip-version-check \
      --no-cache-dir "$@")
    printf '%s\n' "$wanted" >"$folder/installed.txt"
  fi
  export PATH="$folder/bin:$PATH"
  unset PYTHONPATH PYTHONHOME
}
