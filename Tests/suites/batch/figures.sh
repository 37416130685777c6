#!/usr/bin/env bash
# What a batch costs beside the model; to be run on a machine that does nothing else.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
mkdir photos
for n in 1 2 3 4 5 6; do cp "$root/Tests/suites/smoke/photos/astronaut.jpg" "photos/$n.jpg"; done
seconds() { local began; began=$(date +%s%N); "$@" >/dev/null 2>&1; echo $((($(date +%s%N) - began) / 1000000)); }
"$PROGRAM" --help >/dev/null
echo "--help: $(for _ in 1 2 3 4 5; do seconds "$PROGRAM" --help; done | sort -n | sed -n 3p) ms"
for n in 1 2 3 4 5; do
    began=$(date +%s%N)
    script -qec "'$PROGRAM' photos/1.jpg -o $n.png --size 64x64 --steps 1" /dev/null |
        { read -rn1 -d ''; echo $((($(date +%s%N) - began) / 1000000)); cat >/dev/null; }
done | sort -n | sed -n '3s/.*/first output: & ms/p'

# By the clock, of what `--json` reports: reading and writing against the whole. A photo alone has them before and after the
# model; in a batch they go on beside its work, and what is not the model's is what it waits and what surrounds it.
cat >shares.py <<'END'
import json, statistics, sys

def model(run):
    t = run["timings"]
    return t["text"] + t["encode"] + t["step"] * run["steps"] + t["decode"]

def milliseconds(values):
    return f"{1000 * statistics.median(values):.1f} ms"

name, wall = sys.argv[1], float(sys.argv[2]) / 1000
runs = [json.loads(line) for line in sys.stdin]
times = [run["timings"] for run in runs]
if name == "batch":
    share = (wall - sum(map(model, runs)) - sum(t["load"] for t in times)) / wall
    print(f"{len(runs)} pictures in {wall:.2f} s: {100 * share:.1f} % is neither load nor model, start-up included; "
          "load of each: " + ", ".join(f"{t['load'] * 1000:.1f} ms" for t in times))
else:
    share = statistics.median((t["read"] + t["write"]) / t["total"] for t in times)
    print(f"{name}: read {milliseconds([t['read'] for t in times])}, write {milliseconds([t['write'] for t in times])}, "
          f"total {milliseconds([t['total'] for t in times])}: {100 * share:.1f} % for the picture's handling")
END
alone() {  # alone NAME OPTION...: five runs of one photo
    local name=$1
    shift
    for n in 1 2 3 4 5; do "$PROGRAM" photos/$n.jpg --size 512x512 --seed 1 --quiet --json --force "$@"; done |
        python3 shares.py "$name" 0
}
alone "one photo, PNG" -o one.png
alone "one photo, JPEG" -o one.jpg
alone "one photo, --compare" -o both.png --compare
alone "one photo, --threads 1" -o one.png --threads 1
began=$(date +%s%N)
"$PROGRAM" photos -o toons --size 512x512 --seed 1 --quiet --json >reports
python3 shares.py batch $((($(date +%s%N) - began) / 1000000)) <reports
