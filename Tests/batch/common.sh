# Sourced by the scripts here: PROGRAM, a folder of its own that goes away, and 300 photos of 60 kinds in `photos`.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
PROGRAM=${PROGRAM:-$root/.build/release/cartoonize}
PYTHON=${PYTHON:-python3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

fail() { echo "FAILED: $*" >&2; exit 1; }

make_photos() { "$PYTHON" "$here/photos.py" make photos; }

check() { "$PYTHON" "$here/photos.py" check photos "$@"; }

# The manifests as they must be equal: without times.
without_times() { sed 's/"seconds":[^,]*,//' "$@"; }

# Two output folders hold the same pictures, and nothing temporary.
same_pictures() {
    diff -r --exclude='cartoonize*' "$1" "$2" || fail "the pictures in $1 and $2 differ"
    [ -z "$(find "$2" -name '*.partial')" ] || fail "temporary files are left in $2"
}
