#!/usr/bin/env bash
# Runs every kernel beside its definition on this machine, and as on a 64-bit ARM one under qemu; seeds must give the same
# noise on both. It takes a minute, a thousandth of what the Swift tests take there.
#
# Needs clang, and on Debian gcc-aarch64-linux-gnu, libc6-dev-arm64-cross and qemu-user-static.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
qemu=$(command -v qemu-aarch64-static || command -v qemu-aarch64) || { echo "arm64: install qemu-user-static" >&2; exit 1; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
sources=(-O2 -Wall -Wextra -Werror -ISources/CKernels/include Sources/CKernels/*.c Tests/suites/arm64/kernels.c -lm -lpthread)
"${CLANG:-clang}" "${sources[@]}" -o "$folder/here"
"${CLANG:-clang}" --target=aarch64-linux-gnu -static "${sources[@]}" -o "$folder/arm64"
"$folder/here" | tee "$folder/here.txt"
"$qemu" "$folder/arm64" | tee "$folder/arm64.txt"
for output in here arm64; do grep '^normal values' "$folder/$output.txt"; done | uniq | [ "$(wc -l)" -eq 1 ] || {
    echo "arm64: the noise is another one" >&2
    exit 1
}
