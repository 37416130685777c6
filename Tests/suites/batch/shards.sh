#!/usr/bin/env bash
# Two and four processes share a folder with --shard: together they make each picture once, and those that one makes alone.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
make_photos
options=(photos --recursive --max-pixels 4096 --steps 1 --quiet --threads 1)
"$PROGRAM" "${options[@]}" -o alone >alone.txt 2>/dev/null || [ $? -eq 6 ]

for count in 2 4; do
    mkdir "by-$count"
    # All start at once and agree on a random seed; it is that of `alone` only so that pictures can be compared.
    cp alone/cartoonize.seed "by-$count"
    pids=()
    for shard in $(seq "$count"); do
        "$PROGRAM" "${options[@]}" -o "by-$count" --shard "$shard/$count" >"$count-$shard.txt" 2>/dev/null &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do wait "$pid" || [ $? -eq 6 ] || fail "a shard's status"; done
    # Names hold line ends, so whole lists are compared, not lines.
    cat "$count"-?.txt | sed "s/^by-$count/alone/" | sort >union.txt
    diff <(sort alone.txt) union.txt || fail "the shards' union is not the whole, each once"
    check "by-$count" "by-$count"/cartoonize.*-of-"$count".jsonl
    same_pictures alone "by-$count"
    echo "$count shards: $(cat "by-$count"/cartoonize.*-of-*.jsonl | wc -l) lines, union exact and disjoint"
done

# Without a stored seed: processes that start together settle on one.
pids=()
for shard in 1 2 3 4; do
    "$PROGRAM" photos/one -o seeds --max-pixels 256 --steps 1 --quiet --threads 1 --shard $shard/4 >/dev/null 2>&1 & pids+=($!)
done
for pid in "${pids[@]}"; do wait "$pid" || [ $? -eq 6 ]; done
seeds=$(sed 's/.*"seed":\([0-9]*\).*/\1/' seeds/cartoonize.*.jsonl | sort -u)
[ "$seeds" = "$(cat seeds/cartoonize.seed)" ] || fail "the shards used different seeds: $seeds"
echo "four shards that started together used one random seed"
