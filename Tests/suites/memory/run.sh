#!/usr/bin/env bash
# Memory for real, as root: MODEL=FOLDER of a full-size model (Tests/suites/bench/stand_in.py makes one), optional PHOTO.
#   In a control group of 4 GB a 512x512 run ends well; in one of 1 GB it is refused with advice, which then works, and the
#   embedded model runs there. 50 pictures in a row do not grow, nor do 4 of the large model. Two processes share the pages of
#   the weights.
set -eu
cd "$(dirname "$0")/../../.."
program=${PROGRAM:-.build/release/cartoonize} photo=${PHOTO:-Tests/suites/smoke/photos/astronaut.jpg} model=${MODEL:?name the model}
work=$(mktemp -d)
trap 'for g in "$root"/cartoonize-test-*; do [ -d "$g" ] && rmdir "$g"; done; rm -rf "$work"' EXIT
if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
    root=/sys/fs/cgroup limit=memory.max peak=memory.peak
    grep -q memory $root/cgroup.subtree_control || echo +memory > $root/cgroup.subtree_control
else
    root=/sys/fs/cgroup/memory limit=memory.limit_in_bytes peak=memory.max_usage_in_bytes
fi

groups=0
# in_group GIGABYTES ARGUMENTS...: the program's status, with its messages in $work/errors.
in_group() {
    local group="$root/cartoonize-test-$((++groups))" bytes=$(($1 * 1000000000)); shift
    mkdir -p "$group"
    # Out of the system's cache, so that the group pays for the pages that it reads.
    find "$model" -name '*.safetensors' -exec dd if={} iflag=nocache count=0 status=none \;
    echo "$bytes" > "$group/$limit"
    status=0
    bash -c 'echo $$ > "$0/cgroup.procs"; exec "$@"' "$group" "$program" "$photo" -o "$work/out.png" --force --seed 1 "$@" \
        > "$work/output" 2> "$work/errors" || status=$?
    echo "  status $status, the group's peak $(($(cat "$group/$peak") / 1000000)) MB; $(tail -1 "$work/errors")"
}
expect() { [ "$status" = "$1" ] || { echo "FAILED: status $1 was expected"; cat "$work/errors"; exit 1; }; }
large=(--model "$model" --size 512x512 --steps 1)

echo "4 GB, the large model at 512x512"; in_group 4 "${large[@]}"; expect 0
echo "1 GB, the large model at 512x512"; in_group 1 "${large[@]}"; expect 7
grep -q 'give --memory low' "$work/errors"
echo "1 GB, the large model at 512x512 with --memory low"; in_group 1 "${large[@]}" --memory low; expect 0
echo "1 GB, the embedded model at 512x512"; in_group 1 --size 512x512; expect 0

# batch COUNT ARGUMENTS...: the process's highest resident memory after the first, second, middle and last picture.
batch() {
    local count=$1; shift
    rm -rf "$work/photos" "$work/toons"; mkdir "$work/photos"
    for i in $(seq "$count"); do cp "$photo" "$work/photos/$i.jpg"; done
    "$program" "$work/photos" -o "$work/toons" --size 256x256 --seed 1 --json --quiet "$@" > "$work/reports"
    grep -o '"peak_rss_bytes":[0-9]*' "$work/reports" | cut -d: -f2 > "$work/peaks"
    for n in 1 2 $((count / 2)) "$count"; do echo "  $(($(sed -n ${n}p "$work/peaks") / 1000)) kB"; done
    [ "$(sed -n ${count}p "$work/peaks")" -le $(($(sed -n 2p "$work/peaks") * 103 / 100)) ] ||
        { echo "FAILED: memory grows"; exit 1; }
}
echo "50 pictures in a row, the embedded model: after the first, second, 25th and last"; batch 50
echo "4 pictures in a row, the large model"; batch 4 --model "$model" --steps 1

echo "two processes side by side: each one's share of the mapped weights, in MB"
for i in 1 2; do
    "$program" "$photo" -o "$work/side-$i.png" --model "$model" --size 256x256 --steps 8 --seed 1 --quiet > "$work/output" & pids[i]=$!
done
rss_of() { awk -v file="$model" '/^[0-9a-f]+-/ { own = index($0, file "/unet") } own && /^'"$2"':/ { sum += $2 } END { print int(sum / 1000) }' "/proc/$1/smaps"; }
for _ in $(seq 300); do
    [ "$(rss_of ${pids[1]} Rss)" -gt 1500 ] && [ "$(rss_of ${pids[2]} Rss)" -gt 1500 ] && break
    sleep 0.2
done
for i in 1 2; do
    echo "  resident $(rss_of ${pids[i]} Rss), proportional $(rss_of ${pids[i]} Pss)," \
        "shared $(rss_of ${pids[i]} Shared_Clean), private $(rss_of ${pids[i]} Private_Clean)"
done
share=$(rss_of ${pids[1]} Pss) whole=$(rss_of ${pids[1]} Rss)
wait ${pids[1]} ${pids[2]}
[ "$share" -lt $((whole * 6 / 10)) ] || { echo "FAILED: the pages are not shared"; exit 1; }
echo "all as it should be"
