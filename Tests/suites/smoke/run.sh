#!/usr/bin/env bash
# Cartoonizes each photo in photos/ with the model that comes with the program, and compares the result with the
# picture in expected/, which diffusers made from the same photo (make_expected.py): at least 40 dB, or it fails.
#
# usage: run.sh BUILD_FOLDER   (the folder that holds the programs cartoonize and image-compare)
set -euo pipefail

build=${1:?usage: run.sh BUILD_FOLDER}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT

failures=0
for photo in "$here"/photos/*.jpg; do
    name=$(basename "$photo" .jpg)
    "$build/cartoonize" "$photo" -o "$results/$name.png" --model cartoonizer-mini --seed 1 --quiet >/dev/null
    if ratio=$("$build/image-compare" "$results/$name.png" "$here/expected/$name.png" 40); then
        echo "smoke: $name: $ratio dB"
    else
        echo "smoke: $name: ${ratio:-no result}, expected at least 40 dB" >&2
        failures=$((failures + 1))
    fi
done
[ "$failures" -eq 0 ] || { echo "smoke: $failures pictures differ from those expected" >&2; exit 1; }
