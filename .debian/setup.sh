#!/bin/sh
# Installs what a build needs and is not there: the libraries, git, and Swift where the distribution has it.
set -eu

swift=${SWIFT:-swift}
minimum=6.0.3 # the oldest Swift that the tests were run with
libraries='lcms2 libcrypto libcurl libpng libjpeg openblas'
packages='libcurl4-openssl-dev libjpeg-dev liblcms2-dev libopenblas-dev libpng-dev libssl-dev pkg-config'

fail() {
    echo "make: $*" >&2
    exit 1
}
have() { command -v "$1" >/dev/null; }
# Names are lists of words on purpose.
# shellcheck disable=SC2086
have_libraries() { have pkg-config && pkg-config --exists $libraries; }
new_enough() { printf '%s\n' "$minimum" "$1" | sort -VC; }
from_swift_org="install Swift $minimum or later from https://www.swift.org/install"
no_swift() { fail "there is no Swift toolchain; $from_swift_org"; }
distribution_has_swift() {
    [ "$swift" = swift ] && have apt-cache || return 1
    offered=$(apt-cache policy swiftlang | sed -n 's/^  Candidate: \([0-9.]*\).*/\1/p')
    [ -n "$offered" ] && new_enough "$offered"
}

missing=
have_libraries || missing=$packages
have git || missing="$missing git ca-certificates"
have "$swift" || missing="$missing swiftlang"

if [ -n "$missing" ]; then
    if ! have apt-get; then
        have "$swift" || no_swift
        fail "install git, pkg-config and the development files of" \
            "Little CMS, libcurl, OpenSSL, libpng, libjpeg and OpenBLAS"
    elif [ "$(id -u)" -eq 0 ]; then
        as_root=
    elif have sudo; then
        as_root=sudo
    else
        have "$swift" || distribution_has_swift || no_swift
        fail "as root, run: apt-get install --no-install-recommends $missing"
    fi
    $as_root apt-get update -q
    have "$swift" || distribution_has_swift || no_swift
    # shellcheck disable=SC2086
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing
fi

version=$("$swift" --version 2>&1 | sed -n 's/.*Swift version \([0-9.]*[0-9]\).*/\1/p')
new_enough "$version" || fail "$swift is version ${version:-unknown}; $from_swift_org"
