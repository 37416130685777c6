#!/usr/bin/env bash
# What a batch costs beside the model; to be run on a machine that does nothing else.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
mkdir photos
for n in 1 2 3 4 5 6; do cp "$root/Tests/smoke/photos/astronaut.jpg" "photos/$n.jpg"; done
seconds() { local began; began=$(date +%s%N); "$@" >/dev/null 2>&1; echo $((($(date +%s%N) - began) / 1000000)); }
"$PROGRAM" --help >/dev/null
echo "--help: $(for _ in 1 2 3 4 5; do seconds "$PROGRAM" --help; done | sort -n | sed -n 3p) ms"
for n in 1 2 3 4 5; do
    began=$(date +%s%N)
    script -qec "'$PROGRAM' photos/1.jpg -o $n.png --size 64x64 --steps 1" /dev/null |
        { read -rn1 -d ''; echo $((($(date +%s%N) - began) / 1000000)); cat >/dev/null; }
done | sort -n | sed -n '3s/.*/first output: & ms/p'
began=$(date +%s%N)
"$PROGRAM" photos -o toons --size 512x512 --seed 1 --quiet --json >reports
wall=$((($(date +%s%N) - began) / 1000000))
python3 - "$wall" <<'END'
import json, sys
wall, runs = int(sys.argv[1]) / 1000, [json.loads(line)["timings"] for line in open("reports")]
lines = [json.loads(line) for line in open("reports")]
model = sum(t["text"] + t["encode"] + t["step"] * r["steps"] + t["decode"] for t, r in zip(runs, lines))
load = sum(t["load"] for t in runs)
print(f"6 pictures at 512x512: {wall:.2f} s, model {model:.2f} s, load {load:.3f} s: "
      f"{100 * (wall - model - load) / wall:.1f} % for all else")
print("load of each picture: " + ", ".join(f"{t['load'] * 1000:.1f} ms" for t in runs))
END
