#!/usr/bin/env bash
# Tries the package of `make deb` on clean systems of Debian 12 and 13, which have no Swift: lintian finds no error in it, apt
# installs it with Debian's own libraries, a picture made by a user is the one that diffusers makes (40 dB at least), with
# the recommended packages and without, and nothing stays when it is removed. As root, with debootstrap and lintian.
#
#     Tests/suites/debian/package.sh [RELEASE...]      default: bookworm trixie
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
source Tests/suites/debian/system.sh

package=$(echo "$PWD"/.build/deb/cartoonize_*.deb)
[ -e "$package" ] || fail "there is no package: run make deb"
command -v lintian >/dev/null || fail "lintian is missing: install it"
photo=Tests/suites/smoke/photos/astronaut.jpg
expected=Tests/suites/smoke/expected/astronaut.png

lintian --allow-root --fail-on error "$package"

# picture SYSTEM WHAT: a user's photo.cartoon.png.
picture() {
    rm -rf "$1/home/user"
    install -d -m 777 "$1/home/user"
    install -m 644 "$photo" "$1/home/user/photo.jpg"
    chroot --userspec=nobody:nogroup "$1" env -i HOME=/home/user PATH=/usr/bin:/bin \
        sh -c 'cd && cartoonize photo.jpg --seed 1'
    mkdir -p .build/deb/pictures
    cp "$1/home/user/photo.cartoon.png" ".build/deb/pictures/$2.png"
    local ratio
    ratio=$(.build/install/release/image-compare ".build/deb/pictures/$2.png" "$expected" 40) ||
        fail "$2: ${ratio:-no result}, expected at least 40 dB"
    echo "$2: $ratio dB"
}

[ $# -gt 0 ] || set -- bookworm trixie
for release; do
    make_system "$systems/$release-$here" "$release" "$here"
    system=$systems/package-$release
    rm -rf --one-file-system "$system"
    cp -a "$systems/$release-$here" "$system"
    mount_system "$system"
    cp "$package" "$system/tmp/"
    in_system() { chroot "$system" env DEBIAN_FRONTEND=noninteractive "$@"; }
    in_system apt-get update -q
    in_system sh -c 'apt-get install -q -y --no-install-recommends /tmp/cartoonize_*.deb'
    picture "$system" "$release-alone"
    in_system apt-get purge -q -y --autoremove cartoonize
    [ -z "$(find "$system/usr" -name '*cartoonize*')" ] || fail "$release: files are left"

    in_system sh -c 'apt-get install -q -y /tmp/cartoonize_*.deb'
    # Whatever library the program opens when it is there (a line of the sources names its versions), the package recommends.
    libraries=$(in_system ldconfig -p)
    while read -r versions; do
        grep -qwF "$(grep -oE 'lib[^"]+' <<<"$versions")" <<<"$libraries" ||
            fail "$release: no recommended package brings $versions"
    done < <(grep -rhE '"lib[a-z0-9+-]+\.so\.[0-9.]+"' Sources)
    picture "$system" "$release"
    in_system test -e /usr/share/man/man1/cartoonize.1.gz
    unmount_systems
    rm -rf --one-file-system "$system"
done
