"""SIGKILL at random moments of a run, a batch, two shards, a conversion and a pull.

    python3 Tests/suites/hard/kills.py [--kills 1000] [--seed 1] [NAME ...]

After each series of kills the same command must end with status 0, leave the very bytes that it leaves when nobody
disturbs it, and nothing hidden. What has its final name after a kill must be whole already. Needs nothing but Python.
"""

import argparse
import random
import shutil
import sys
import time

from campaign import CalmHub, Command, commands, hidden, inputs, workplace


def shards(batch):
    """The batch as two processes share it."""
    return [Command(f"shard {i}", [*batch.arguments, "--shard", f"{i}/2"], batch.outputs) for i in (1, 2)]


def series(group, folder, reference, seconds, rng):
    """Kills runs of the commands until one comes through or ten were killed.

    `seconds` is about what a run takes. Returns the kills, what was wrong, and whether the first run was killed."""
    kills, wrong, first = 0, [], None
    for _ in range(10):
        processes = [command.start(folder) for command in group]
        # A little more than a run takes: the last moments count as well.
        time.sleep(rng.uniform(0, seconds * 1.05))
        killed = [process for process in processes if process.poll() is None]
        for process in killed:
            process.kill()
        for process in processes:
            process.communicate()
        kills += len(killed)
        if first is None:
            first = bool(killed)
        for path, sum in group[0].state(folder).items():
            if path.endswith((".png", ".safetensors")) and not hidden_path(path) and reference.get(path) != sum:
                wrong.append(f"{path} is not whole after a kill")
        if not killed:
            break
    for command in group:
        status, errors = command.run(folder)
        # A single output that was finished by the last of the runs is no reason to make it again.
        is_there = status == 5 and command.name in ("run", "convert") and command.state(folder) == reference
        if status != 0 and not is_there:
            wrong.append(f"{command.name} afterwards: status {status}: {errors[-1:]}")
    return kills, wrong, first


def hidden_path(path):
    return any(part.startswith(".") for part in path.split("/"))


def campaign(name, group, kills, rng):
    place = workplace("kills")
    whole, killed = f"{place}/whole", f"{place}/killed"
    inputs(whole)
    start = time.monotonic()
    for command in group:
        status, errors = command.run(whole)
        if status != 0:
            sys.exit(f"kills: {name} undisturbed ends with {status}: {errors}")
    seconds = (time.monotonic() - start) / len(group)
    reference = group[0].state(whole)
    done, rounds, failures = 0, 0, []
    while done < kills:
        shutil.rmtree(killed, ignore_errors=True)
        inputs(killed)
        count, wrong, first = series(group, killed, reference, seconds, rng)
        # Other programs come and go on this machine: about half of the first runs are to be killed.
        seconds *= 1.1 if first else 0.9
        state = group[0].state(killed)
        if state != reference:
            other = sorted(path for path in state.keys() | reference.keys() if state.get(path) != reference.get(path))
            wrong.append(f"differs: {other[:5]}")
        if left := hidden(killed):
            wrong.append(f"left: {left[:3]}")
        done, rounds, failures = done + count, rounds + 1, failures + wrong
    shutil.rmtree(place)
    print(f"{name}: {done} kills in {rounds} series, {len(failures)} wrong", *failures[:10], sep="\n  ", flush=True)
    return done, len(failures)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    rng = random.Random(options.seed)
    groups = {command.name: [command] for command in commands(CalmHub())}
    groups["shards"] = shards(groups["batch"][0])
    chosen = {name: group for name, group in groups.items() if not options.names or name in options.names}
    results = [campaign(name, group, -(-options.kills // len(chosen)), rng) for name, group in chosen.items()]
    kills, wrong = (sum(column) for column in zip(*results, strict=True))
    print(f"{kills} kills, {wrong} wrong")
    return min(wrong, 1)


if __name__ == "__main__":
    sys.exit(main())
