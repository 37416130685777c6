#!/usr/bin/env bash
# A batch killed with SIGKILL at 20 random moments and resumed is, byte for byte, the batch that nobody disturbed.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
kills=${1:-20}
make_photos
status=0
options=(photos --recursive --max-pixels 4096 --steps 1 --quiet)

began=$(date +%s%N)
"$PROGRAM" "${options[@]}" -o whole >/dev/null 2>&1 || status=$?
[ $status -eq 6 ] || fail "status $status"
# The moments are spread over what a run takes on this machine, a fresh start each time included.
longest=$((($(date +%s%N) - began) / 1000000 * 2 / kills + 100))
check whole whole/cartoonize.jsonl

mkdir killed
cp whole/cartoonize.seed killed
RANDOM=8 done=0 between=0 finished=0
while [ $done -lt "$kills" ]; do
    "$PROGRAM" "${options[@]}" -o killed >/dev/null 2>&1 &
    pid=$!
    moment=$((RANDOM % longest + 30))
    sleep "$((moment / 1000)).$(printf %03d $((moment % 1000)))"
    if kill -KILL $pid 2>/dev/null; then
        done=$((done + 1))
        wait $pid 2>/dev/null || true
        pictures=$(find killed -name '*.cartoon.*' -printf x | wc -c)
        lines=$(cat killed/cartoonize.jsonl 2>/dev/null | grep -vc '"error"' || true)
        [ "$pictures" -eq "$lines" ] || between=$((between + 1))
    else
        # Finished before the kill: start over, with the same seed.
        wait $pid || true
        finished=$((finished + 1))
        same_pictures whole killed
        find killed -mindepth 1 ! -name cartoonize.seed -delete
    fi
done
# What a kill in the middle of writing leaves.
stale=$(find killed -name '*.cartoon.png' -printf x | wc -c)
status=0
"$PROGRAM" "${options[@]}" -o killed >/dev/null 2>&1 || status=$?
[ $status -eq 6 ] || fail "status $status after resuming"
check killed killed/cartoonize.jsonl
same_pictures whole killed
diff <(without_times whole/cartoonize.jsonl) <(without_times killed/cartoonize.jsonl) || fail "the manifests differ"
echo "killed $done times, $between of them between a picture and its line; $stale pictures stood before the last run:" \
    "pictures and manifest as undisturbed"
