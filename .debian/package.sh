#!/usr/bin/env bash
# Makes a Debian package of what `make install` installs, .build/deb/cartoonize_VERSION_ARCHITECTURE.deb.
# `make deb` runs it. Two builds of one commit by one toolchain are the same bytes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
umask 022

fail() {
    echo "make: $*" >&2
    exit 1
}
for tool in dpkg-shlibdeps strip; do
    command -v $tool >/dev/null || fail "$tool is missing: install dpkg-dev and binutils to make a package"
done
[ -n "${STATIC:-}" ] || fail "this Swift has no static libraries for a package to carry;" \
    "make it with Swift from https://www.swift.org/install"

work=.build/deb
tree=$work/tree
rm -rf "$work"
mkdir -p "$work/debian" "$tree/DEBIAN"
make --no-print-directory install PREFIX=/usr DESTDIR="$tree" ZSH_COMPLETIONS=zsh/vendor-completions

version=$("$tree/usr/bin/cartoonize" --version | sed "s/.* //")
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
export SOURCE_DATE_EPOCH
sed -n 's/^Maintainer: //p' .debian/control | {
    read -r maintainer
    printf 'cartoonize (%s-1) unstable; urgency=medium\n\n' "$version"
    printf '  * Version %s; what is new in it is in changelog.gz.\n\n' "$version"
    printf ' -- %s  %s\n' "$maintainer" "$(date -u -R -d "@$SOURCE_DATE_EPOCH")"
} > "$work/debian/changelog"
cp .debian/control "$work/debian/control"

documents=$tree/usr/share/doc/cartoonize
mkdir -p "$documents"
cp .debian/copyright "$documents/"
gzip -9n < CHANGELOG.md > "$documents/changelog.gz"
gzip -9n < "$work/debian/changelog" > "$documents/changelog.Debian.gz"
gzip -9n "$tree/usr/share/man/man1/cartoonize.1"

(
    cd "$work"
    dpkg-shlibdeps -Tsubstvars tree/usr/bin/cartoonize
    dpkg-gencontrol -Tsubstvars -Ptree
    cd tree
    find usr -type f -print0 | sort -z | xargs -0 md5sum > DEBIAN/md5sums
)
chmod -R u=rwX,go=rX "$tree"
dpkg-deb --root-owner-group -Zxz --build "$tree" "$work"
dpkg-deb --field "$work"/cartoonize_*.deb Package Version Installed-Size Depends Recommends
