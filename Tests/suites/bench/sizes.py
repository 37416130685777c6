"""The READMEs' tables and plot of time and memory by size: both models, beside what `--dry-run` predicts.

python sizes.py --model DIR [--photo FILE] [--sizes 256x256,...] [--steps 1] [--runs 5] [--low 512x512] [--write-readme]

The large model runs once, and a few steps only (a step takes as long as every other); the embedded one runs whole and
several times, as a run of a second says little of a machine that others use, too. Predictions are made before, between
and after. Memory is the process's ru_maxrss, the weights' mapped pages included. Held to AVX2. Needs nothing but
Python.
"""

import argparse
import json
import math
import os
import pathlib
import statistics
import tempfile

import papers

ROOT = pathlib.Path(__file__).resolve().parents[3]
PROGRAM = ROOT / ".build/release/cartoonize"
PLOT = ROOT / "Tests/suites/bench/sizes.svg"
ENVIRONMENT = {**os.environ, "CARTOONIZE_KERNELS": "avx2"}


def run(arguments):
    """Standard output's JSON object of one run, and the ru_maxrss of its process in bytes."""
    with tempfile.TemporaryDirectory() as folder:
        report = f"{folder}/report"
        command = [str(PROGRAM), *map(str, arguments), "-o", f"{folder}/out.png", "--seed", "1", "--json", "--quiet"]
        output = [(os.POSIX_SPAWN_OPEN, 1, report, os.O_WRONLY | os.O_CREAT, 0o600)]
        child = os.posix_spawn(command[0], command, ENVIRONMENT, file_actions=output)
        _, status, usage = os.wait4(child, 0)
        if status:
            raise SystemExit(f"{' '.join(command)}: status {os.waitstatus_to_exitcode(status)}")
        return json.loads(pathlib.Path(report).read_text()), usage.ru_maxrss * 1024


def measure(photo, size, runs, model=None, steps=None, memory="auto"):
    arguments = [photo, "--size", size, "--memory", memory]
    if model:
        arguments += ["--model", model, "--steps", steps]
    predicted, made, peaks = [run([*arguments, "--dry-run"])[0]], [], []
    for _ in range(runs):
        report, peak = run(arguments)
        made.append(report["timings"])
        peaks.append(peak)
        predicted.append(run([*arguments, "--dry-run"])[0])
    return dict(
        size=size,
        timings={k: statistics.mean(m[k] for m in made) for k in made[0]},
        peak=max(peaks),
        predicted=[p["seconds"] for p in predicted],
        gflop=predicted[0]["gflop"],
        predicted_peak=predicted[0]["peak_rss_bytes"],
    )


def pixels(size):
    return math.prod(map(int, size.split("x")))


def memory(bytes_):
    return f"{bytes_ / 1e9:.2f} GB" if bytes_ >= 1e9 else f"{bytes_ / 1e6:.0f} MB"


def ratio(predicted, measured):
    return f"{predicted / measured:.2f}"


def times(row):
    """The mean of the predictions, and the lowest and the highest, as multiples of what was measured."""
    mean, low, high = (ratio(f(row["predicted"]), row["timings"]["total"]) for f in (statistics.mean, min, max))
    return f"x {mean} ({low} to {high})"


HEADS = {
    papers.ENGLISH: ["AVX2, {} threads", "embedded model", "memory", "large model, each step", "memory"],
    papers.PORTUGUESE: ["AVX2, {} threads", "modelo incluído", "memória", "modelo grande, cada passo", "memória"],
}
SHORT = ["256x256", "512x512", "768x768", "1024x1024"]


def short_table(paper, large, small):
    """What a reader of the READMEs sees: some sizes, no predictions."""
    head = [HEADS[paper][0].format(os.cpu_count()), *HEADS[paper][1:]]
    return papers.table(
        head,
        *(
            [
                a["size"],
                f"{b['timings']['total']:.2f} s",
                memory(b["peak"]),
                f"{a['timings']['step']:.1f} s",
                memory(a["peak"]),
            ]
            for a, b in zip(large, small, strict=True)
            if a["size"] in SHORT
        ),
    )


def table(large, small, low):
    lines = [
        "| size | large model: each step | encode | decode | memory | predicted: time, memory "
        "| embedded model: whole | memory | predicted: time, memory |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for a, b in zip(large, small, strict=True):
        t = a["timings"]
        lines.append(
            f"| {a['size']} | {t['step']:.1f} s | {t['encode']:.1f} s | {t['decode']:.1f} s | {memory(a['peak'])} "
            f"| {times(a)}, x {ratio(a['predicted_peak'], a['peak'])} "
            f"| {b['timings']['total']:.2f} s | {memory(b['peak'])} "
            f"| {times(b)}, x {ratio(b['predicted_peak'], b['peak'])} |"
        )
    for frugal in low:
        usual = next(a for a in large if a["size"] == frugal["size"])
        lines.append(
            f"\n`--memory low` at {frugal['size']}: {memory(frugal['peak'])} in place of {memory(usual['peak'])}, "
            f"a step takes {frugal['timings']['step'] / usual['timings']['step']:.2f} of the time."
        )
    return "\n".join(lines)


def plot(large, small):
    """Both models' time over the arithmetic and memory over the pixels, all axes logarithmic, as SVG.

    Time that grows as its arithmetic does runs along the grey lines.
    """
    series = [
        ("large model", "s", "#1f5fbf", [(r["gflop"], r["timings"]["total"]) for r in large]),
        ("embedded model", "s", "#bf5f1f", [(r["gflop"], r["timings"]["total"]) for r in small]),
        ("memory, large model", "GB", "#1f5fbf", [(pixels(r["size"]), r["peak"] / 1e9) for r in large]),
        ("memory, embedded model", "GB", "#bf5f1f", [(pixels(r["size"]), r["peak"] / 1e9) for r in small]),
    ]
    out = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 860 330" font-family="sans-serif" font-size="12">',
        '<rect width="860" height="330" fill="white"/>',
    ]
    for panel, unit in enumerate(("s", "GB")):
        left, top, width, height = 60 + 430 * panel, 20, 340, 250
        shown = [s for s in series if s[1] == unit]
        xs = [x for s in shown for x, _ in s[3]]
        ys = [y for s in shown for _, y in s[3]]
        low, high = math.floor(math.log10(min(ys))), math.ceil(math.log10(max(ys)))
        x0, x1 = math.log2(min(xs)) - 0.2, math.log2(max(xs)) + 0.2

        def at(x, y):
            return (
                left + (math.log2(x) - x0) / (x1 - x0) * width,
                top + (high - math.log10(y)) / (high - low) * height,
            )

        for power in range(low, high + 1):
            _, y = at(min(xs), 10**power)
            out += [
                f'<line x1="{left}" y1="{y:.1f}" x2="{left + width}" y2="{y:.1f}" stroke="#ddd"/>',
                f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{10.0**power:g} {unit}</text>',
            ]
        ticks = (
            [(10**p, f"{10**p} GFLOP") for p in range(1, 6)]
            if unit == "s"
            else [(side * side, f"{side}x{side}") for side in (256, 512, 1024)]
        )
        for place, name in ticks:
            if not 2**x0 < place < 2**x1:
                continue
            x, _ = at(place, 10**low)
            out += [
                f'<line x1="{x:.1f}" y1="{top}" x2="{x:.1f}" y2="{top + height}" stroke="#eee"/>',
                f'<text x="{x:.1f}" y="{top + height + 16}" text-anchor="middle">{name}</text>',
            ]
        for number, (name, _, colour, points) in enumerate(shown):
            places = [at(*p) for p in sorted(points)]
            if unit == "s":
                first, last = min(points), max(points)
                (xa, ya), (xb, yb) = at(*first), at(last[0], first[1] * last[0] / first[0])
                out.append(
                    f'<line x1="{xa:.1f}" y1="{ya:.1f}" x2="{xb:.1f}" y2="{yb:.1f}" stroke="#999" '
                    'stroke-dasharray="4 3"/>'
                )
            out.append(
                '<polyline fill="none" stroke-width="2" stroke="{}" points="{}"/>'.format(
                    colour, " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
                )
            )
            out += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in places]
            out.append(f'<text x="{left + 10 + 170 * number}" y="{top + height + 40}" fill="{colour}">{name}</text>')
    return "\n".join([*out, "</svg>", ""])


def processor():
    lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "unknown processor")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--model", type=pathlib.Path, default=ROOT / ".build/stand-in")
    p.add_argument("--photo", type=pathlib.Path, default=ROOT / "Tests/suites/smoke/photos/astronaut.jpg")
    p.add_argument("--sizes", default="256x256,384x384,640x384,512x512,768x768,1024x1024,1536x1024")
    p.add_argument("--steps", type=int, default=1)
    p.add_argument("--low", default="512x512")
    p.add_argument("--runs", type=int, default=5, help="of the embedded model at each size")
    p.add_argument("--cache", type=pathlib.Path, help="keep what was measured here, and go on from it")
    p.add_argument("--write-readme", action="store_true")
    a = p.parse_args()
    known = json.loads(a.cache.read_text()) if a.cache and a.cache.exists() else {}

    def row(kind, size, *arguments):
        if f"{kind} {size}" not in known:
            known[f"{kind} {size}"] = measure(a.photo, size, *arguments)
            if a.cache:
                a.cache.write_text(json.dumps(known))
        return known[f"{kind} {size}"]

    sizes = a.sizes.split(",")
    # Weights and program come from the system's cache of files.
    for model in ([], ["--model", a.model, "--steps", a.steps]):
        run([a.photo, "--size", sizes[0], *model])
    small = [row("small", s, a.runs) for s in sizes]
    large = [row("large", s, 1, a.model, a.steps) for s in sizes]
    low = [row("low", s, 1, a.model, a.steps, "low") for s in a.low.split(",") if s]
    text = (
        f"Measured by `Tests/suites/bench/sizes.py` on {processor()}, {os.cpu_count()} threads, held to AVX2; "
        f"{a.steps} step{'s' if a.steps > 1 else ''} of the large model, a stand-in with random weights in float16, "
        f"and the mean of {a.runs} runs of the embedded model. Predicted is what `--dry-run` says, as a multiple of "
        "what was measured: the mean and the range of predictions made before, between and after.\n\n"
        + table(large, small, low)
        + "\n\n![time over the arithmetic and memory over the size, both models](sizes.svg)"
    )
    print(text)
    if a.write_readme:
        PLOT.write_text(plot(large, small))
        papers.replace_block(papers.WHOLE, "sizes", text)
        for paper in HEADS:
            papers.replace_block(paper, "sizes", short_table(paper, large, small))


if __name__ == "__main__":
    main()
