# Clean Debian systems in chroots; sourced by the scripts beside it, as root.
# They lie in $DEBIAN_SYSTEMS (default: a folder of the temporary one); MIRROR names another archive of packages.

systems=${DEBIAN_SYSTEMS:-${TMPDIR:-/tmp}/debian-systems}
here=$(dpkg --print-architecture)

fail() {
    echo "$(basename "$0"): $*" >&2
    exit 1
}
[ "$(id -u)" -eq 0 ] || fail "chroots can only be made by root"

# make_system FOLDER RELEASE ARCHITECTURE: what debootstrap calls a minimal system, unless it is there already.
make_system() {
    [ ! -e "$1/etc/made" ] || return 0
    command -v debootstrap >/dev/null || fail "debootstrap is missing: install it"
    if [ "$3" = arm64 ] && [ "$here" != arm64 ] && [ ! -e /proc/sys/fs/binfmt_misc/qemu-aarch64 ]; then
        fail "programs for arm64 cannot be run here: install qemu-user-static and binfmt-support"
    fi
    echo "making a system of Debian $2, $3, in $1"
    rm -rf --one-file-system "$1"
    mkdir -p "$1"
    debootstrap --arch "$3" --variant=minbase "$2" "$1" "${MIRROR:-http://deb.debian.org/debian}" >"$1.log" 2>&1 ||
        fail "debootstrap failed: see $1.log"
    touch "$1/etc/made"
}

# mount_system FOLDER: what programs need to run in it; unmounted when the script ends.
mounted=()
mount_system() {
    trap unmount_systems EXIT
    mounted+=("$1/proc" "$1/dev/pts" "$1/dev")
    mount -t proc proc "$1/proc"
    mount --bind /dev "$1/dev"
    mount --bind /dev/pts "$1/dev/pts"
}
unmount_systems() {
    local place
    for place in "${mounted[@]}"; do ! mountpoint -q "$place" || umount "$place"; done
    mounted=()
}
