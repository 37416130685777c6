#!/bin/sh
# The C files in the format of .clang-format, on which every clang-format from 14 (Debian 12's) on agrees. Where there is
# none, only the 120 columns are checked.
set -eu
cd "$(dirname "$0")/../../.."

files=$(git ls-files '*.c' '*.h')
[ -n "$files" ] || { echo "c-format.sh: no C files" >&2; exit 1; }
count=$(echo "$files" | wc -l)

# Names are without spaces, and a list on purpose.
# shellcheck disable=SC2086
if command -v clang-format >/dev/null; then
    clang-format --dry-run --Werror $files
    echo "$count C files as clang-format writes them"
else
    awk 'length > 120 { print FILENAME ":" FNR ": " length " columns"; long = 1 } END { exit long }' $files
    echo "$count C files within 120 columns (clang-format is missing: nothing else is checked)"
fi
