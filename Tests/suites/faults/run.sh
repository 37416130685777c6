#!/usr/bin/env bash
# Seeds the faults of faults.txt one at a time into a copy of the sources and runs the tests that must catch them.
# Writes the table in README.md; fails if a fault went unnoticed, does not compile or has no lines to stand in.
#
#     Tests/suites/faults/run.sh [PART OF A NAME]
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
only=${1:-}
tree=$root/.build/faults
log=$tree.log
rm -rf "$tree/Sources" "$tree/Tests"
mkdir -p "$tree"
(cd "$root" && git ls-files -z | tar --null -cf - -T -) | tar -xf - -C "$tree"

# Optimised, but file by file, so that a fault costs one file's compilation and not a module's; of the products only the
# tests are linked.
flags=(-Xswiftc -O -Xcc -O2)
build() { (cd "$tree" && swift build "${flags[@]}" --product cartoonizePackageTests) >"$log" 2>&1 </dev/null; }
run_tests() { (cd "$tree" && swift test "${flags[@]}" --skip-build --filter "$1") >"$log" 2>&1 </dev/null; }

# Each fault as its name, tests, file, old lines and new lines, ended by a NUL byte each.
faults() {
    perl -00 -ne '
        next if /^#/;
        my ($name, $filter, $file, @lines) = split /\n/;
        my $old = join "\n", map { substr $_, 1 } grep { /^-/ } @lines;
        my $new = join "\n", map { substr $_, 1 } grep { /^\+/ } @lines;
        print map { "$_\0" } $name, $filter, $file, $old, $new' "$root/Tests/suites/faults/faults.txt"
}
next_fault() {
    local field
    for field in name filter file old new; do IFS= read -r -d '' "$field" || return 1; done
}

# Replaces the lines of a fault in the copy; refuses what does not stand there once.
seed() {
    OLD=$old NEW=$new perl -0777 -i -pe '
        my $count = () = /\Q$ENV{OLD}\E/g;
        die "$ARGV: the lines stand there $count times\n" unless $count == 1;
        s/\Q$ENV{OLD}\E/$ENV{NEW}/' "$tree/$file"
}
restore() { cp "$root/$file" "$tree/$file"; }

misfits=0
while next_fault; do
    seed || { echo "no place for: $name"; misfits=1; }
    restore
done < <(faults)
((misfits == 0)) || exit 1

echo "without a fault: building and testing"
{ build && run_tests 'StableDiffusionTests|TensorKernelsTests|ImageCodecsTests'; } || { tail -20 "$log"; echo "the tests fail without a fault"; exit 1; }

table=$(mktemp)
unnoticed=0
seeded=0
while next_fault; do
    [[ -z $only || $name == *"$only"* ]] || continue
    seeded=$((seeded + 1))
    seed
    if ! build; then
        result="DOES NOT COMPILE"
        unnoticed=$((unnoticed + 1))
        grep 'error: ' "$log" | head -3
    elif run_tests "$filter"; then
        result="NOT NOTICED"
        unnoticed=$((unnoticed + 1))
    else
        tests=$(sed -nE 's/^✘ Test ([A-Za-z0-9_]+)\(.*(failed|recorded).*/\1/p' "$log" | sort -u)
        if [[ -z $tests ]]; then result="stops the program"; else
            result=$(head -3 <<<"$tests" | paste -sd, | sed 's/,/, /g')
            more=$(($(wc -l <<<"$tests") - 3))
            ((more <= 0)) || result="$result and $more more"
        fi
    fi
    echo "$name: $result"
    echo "| $name | \`${file##*/}\` | $result |" >>"$table"
    restore
done < <(faults)

if [[ -z $only ]]; then
    {
        echo "# Seeded faults"
        echo
        echo "\`make faults\` seeds each of these $seeded faults into a copy of the sources, one at a time, and runs the tests:"
        echo "$((seeded - unnoticed)) of $seeded are noticed. The table is written by it."
        echo
        echo "| fault | in | noticed by |"
        echo "|---|---|---|"
        cat "$table"
    } >"$root/Tests/suites/faults/README.md"
fi
rm -f "$table"
echo "$((seeded - unnoticed)) of $seeded faults noticed"
exit $((unnoticed > 0))
