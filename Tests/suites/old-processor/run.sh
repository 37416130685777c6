#!/usr/bin/env bash
# Runs the kernels' and the tiny models' tests as on an x86-64 processor without AVX2: under qemu, which then has no such
# instructions, so that any use of one ends the run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
qemu=$(command -v qemu-x86_64 || command -v qemu-x86_64-static) || {
    echo "qemu-x86_64 is missing: install qemu-user" >&2
    exit 1
}
# As `swift test` builds them: some look inside modules.
build=(-c release --build-tests --scratch-path .build/old-processor -Xswiftc -enable-testing)
swift build "${build[@]}"
tests=$(swift build "${build[@]}" --show-bin-path)/cartoonizePackageTests.xctest
# qemu keeps a record of each page reserved: a little address space and one test at a time, or it takes all memory.
ulimit -v 8000000
"$qemu" -cpu Nehalem "$tests" --testing-library swift-testing --no-parallel \
    --filter 'TensorKernelsTests|UNetTests|VAETests|TextEncoderTests'
