#!/usr/bin/env bash
# Runs a command in the last commit on a clean Debian 13, whose own Swift `make setup` installs: what a new user has.
# As root, with debootstrap; arm64 on another processor under qemu, some ten times slower.
#
#     Tests/suites/debian/build.sh [ARCHITECTURE [COMMAND]]      default: this machine's, make demo && make test
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
source Tests/suites/debian/system.sh

architecture=${1:-$here}
system=$systems/build-$architecture
make_system "$system" trixie "$architecture"
mount_system "$system"
in_system() { chroot "$system" env DEBIAN_FRONTEND=noninteractive "$@"; }
[ -e "$system/usr/bin/make" ] ||
    in_system sh -c 'apt-get update -q && apt-get install -q -y --no-install-recommends ca-certificates git make'

# Where git takes Swift packages from a folder here, the system does, too.
folder=$(git config --get-regexp 'url\..*\.insteadof' 'https://github.com/' | sed -n '1s/^url\.\(.*\)\.insteadof .*/\1/p')
if [ -d "$folder" ]; then
    mkdir -p "$system/packages"
    mounted+=("$system/packages")
    mount --bind "$folder" "$system/packages"
    printf '[url "/packages/"]\n\tinsteadOf = https://github.com/\n[safe]\n\tdirectory = *\n' >"$system/etc/gitconfig"
fi

# The build folder of the last call goes on, and only files that changed since are written, so only they are built again.
if [ -d "$system/project/.git" ]; then
    git -C "$system/project" fetch -q "$PWD" HEAD
    git -C "$system/project" reset -q --hard FETCH_HEAD
    git -C "$system/project" clean -fdq
else
    git clone -q . "$system/project"
fi
in_system sh -c "cd /project && ${2:-make demo && make test}"
