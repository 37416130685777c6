# Sourced by the scripts here: PROGRAM, a folder of its own that goes away, and 300 photos of 60 kinds in `photos`.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../../.." && pwd)
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

# What several workers are to make together, made by one: `alone`, and an empty `toons` with its seed.
make_alone() {
    make_photos
    "$PROGRAM" photos --recursive --max-pixels 4096 --steps 1 -o alone --quiet >/dev/null 2>&1 || [ $? -eq 6 ]
    mkdir toons
    cp alone/cartoonize.seed toons
}

# Kills a worker once there are some pictures. It has this program for its executable and our folder for its own.
kill_one_worker() {
    local pid
    for _ in $(seq 400); do
        for pid in $(pgrep -x cartoonize || true); do
            [ "$(readlink "/proc/$pid/cwd")" = "$work" ] && [ "$(find toons -name '*.png' | wc -l)" -gt 20 ] || continue
            kill -KILL "$pid" && return
        done
        sleep 0.05
    done
    fail "no worker was seen"
}

# The four shards in `toons` are together what was made alone: nothing lost, nothing made twice.
check_shards() {
    check toons toons/cartoonize.*-of-4.jsonl
    same_pictures alone toons
    diff <(without_times alone/cartoonize.jsonl | sort) <(cat toons/cartoonize.*-of-4.jsonl | without_times | sort) ||
        fail "the manifests differ"
}

# Two output folders hold the same pictures, and nothing temporary.
same_pictures() {
    diff -r --exclude='cartoonize*' "$1" "$2" || fail "the pictures in $1 and $2 differ"
    [ -z "$(find "$2" -name '*.partial')" ] || fail "temporary files are left in $2"
}
