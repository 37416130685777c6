"""The tables of speed in the READMEs: cartoonize beside diffusers and OpenVINO on one machine, in one run.

    python bench.py [--model DIR] [--photo FILE] [--runs 3] [--threads N] [--sizes 512,256,768] [--write-readme]

The full-size model is a stand-in (real configuration, random weights: the time does not depend on the values), made in
DIR when it is not there. Each figure is a median; each program is a process of its own, one after another. All are held
to AVX2 first; on a processor with more, they are measured at their best as well, at the first size, and on one that
multiplies bfloat16 in half precision, which is OpenVINO's default there (diffusers stays at float32). Needs the
packages of Tests/suites/parity/requirements.txt, 12 GB of memory and, on two cores, a quarter of an hour.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

from papers import ENGLISH, PORTUGUESE, WHOLE, replace_block, table

ROOT = pathlib.Path(__file__).resolve().parents[3]
HERE = pathlib.Path(__file__).resolve().parent
BUILD = ROOT / ".build/release"
# What holds oneDNN (in OpenVINO and PyTorch), MKL and PyTorch's own kernels to AVX2.
AVX2 = {
    "CARTOONIZE_KERNELS": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "DNNL_MAX_CPU_ISA": "AVX2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    "ATEN_CPU_CAPABILITY": "avx2",
}
# The peers and the largest size that each is measured at: beyond it diffusers, the slower one, is not waited for.
PEERS = {"OpenVINO": 1 << 20, "diffusers": 512}
STEPS = 20


def output(command, limits):
    return subprocess.run(
        [str(part) for part in command], check=True, stdout=subprocess.PIPE, text=True, env={**os.environ, **limits}
    ).stdout


class Bench:
    def __init__(self, a):
        self.a = a

    def ours(self, size, limits, *options):
        """The program's own account of one run, and the seconds of the whole process."""
        with tempfile.TemporaryDirectory() as folder:
            start = time.perf_counter()
            text = output(
                [
                    BUILD / "cartoonize",
                    self.a.photo,
                    "-o",
                    f"{folder}/out.png",
                    "--size",
                    f"{size}x{size}",
                    "--seed",
                    1,
                    "--json",
                    "--quiet",
                    "--threads",
                    self.a.threads,
                    *options,
                ],
                limits,
            )
            return {**json.loads(text), "process": time.perf_counter() - start}

    def full_size(self, size, steps, limits, precision):
        return self.ours(
            size,
            limits,
            "--precision",
            precision,
            "--model",
            self.a.model,
            "--steps",
            steps,
            "--guidance",
            7.5,
            "--image-guidance",
            1.5,
        )

    def peer(self, name, sizes, limits, precision):
        print(f"{name}, {limits.get('CARTOONIZE_KERNELS', 'best')}, {precision}", file=sys.stderr, flush=True)
        return json.loads(
            output(
                [
                    sys.executable,
                    HERE / "peers.py",
                    name.lower(),
                    "--sizes",
                    ",".join(map(str, sizes)),
                    "--runs",
                    self.a.runs,
                    "--threads",
                    self.a.threads,
                    "--precision",
                    precision,
                    "--cache",
                    ROOT / ".build/openvino-models",
                ],
                limits,
            ).splitlines()[-1]
        )

    def compare(self, sizes, limits, precision):
        """Rows of seconds, `(name, size, ours, [theirs])`, and of memory. The autoencoder and the whole image are of
        the first size."""
        theirs = {
            name: self.peer(name, [s for s in sizes if s <= largest], limits, precision)
            for name, largest in PEERS.items()
        }
        runs = {size: self.full_size(size, max(3, self.a.runs), limits, precision) for size in sizes}
        first = sizes[0]
        own = [runs[first]] + [self.full_size(first, 1, limits, precision) for _ in range(self.a.runs - 1)]

        def median(part):
            return statistics.median(run["timings"][part] for run in own)

        def step(size):
            return runs[size]["timings"]["step"]

        rows = []

        def row(name, size, seconds, of_peer):
            rows.append((name, size, seconds, [of_peer(theirs[peer]) for peer in PEERS]))

        for size in sizes:
            row("step", size, step(size), lambda t: t.get(f"step {size}"))
        for part in ("encode", "decode"):
            row(part, first, median(part), lambda t: t[part])
        # Ours with start, loading, text encoder and files, the steps not run added; theirs without.
        whole = own[0]["process"] + (STEPS - own[0]["steps"]) * step(first)
        row("whole", first, whole, lambda t: t["encode"] + STEPS * t[f"step {first}"] + t["decode"])
        memory = [max(run["peak_rss_bytes"] for run in own) / 1e9] + [t["peak_gb"] for t in theirs.values()]
        return rows, memory

    def small(self, limits, precision):
        cells = []
        for size in (512, 256):
            runs = [self.ours(size, limits, "--precision", precision) for _ in range(self.a.runs)]
            cells += [
                f"{statistics.median(run['process'] for run in runs):.2f} s",
                f"{max(run['peak_rss_bytes'] for run in runs) / 1e6:.0f} MB",
            ]
        return cells


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":")[1].strip()
    return "unknown processor"


NAMES = {
    ENGLISH: dict(
        step="UNet step",
        encode="VAE encode",
        decode="VAE decode",
        whole=f"whole image, {STEPS} steps",
        memory="peak memory",
        threads="threads",
    ),
    PORTUGUESE: dict(
        step="passo da UNet",
        encode="codificação do VAE",
        decode="decodificação do VAE",
        whole=f"imagem inteira, {STEPS} passos",
        memory="pico de memória",
        threads="threads",
    ),
}


def whole_tables(rows, memory):
    """All rows with ratios, and a sentence on memory."""
    head = [""] + ["cartoonize"] + [cell for peer in PEERS for cell in (peer, "ratio")]
    lines = [head]
    for name, size, seconds, peers in rows:
        cells = [
            cell for peer in peers for cell in ((f"{peer:.2f} s", f"{seconds / peer:.2f}") if peer else ("-", "-"))
        ]
        lines.append([f"{NAMES[ENGLISH][name]}, {size}x{size}", f"{seconds:.2f} s", *cells])
    peaks = ", ".join(f"{name} {peak:.1f} GB" for name, peak in zip(["cartoonize", *PEERS], memory, strict=True))
    size = rows[0][1]
    return f"{table(*lines)}\n\nPeak memory at {size}x{size}: {peaks}."


def short_table(paper, kernels, threads, rows, memory):
    """What a reader of the READMEs sees: the first size alone, no ratios."""
    names, first = NAMES[paper], rows[0][1]
    lines = [[f"{kernels}, {threads} {names['threads']}, {first}x{first}", "cartoonize", *PEERS]]
    for name, size, seconds, peers in rows:
        if size == first:
            lines.append([names[name], f"{seconds:.2f} s", *(f"{peer:.2f} s" for peer in peers)])
    return table(*lines, [names["memory"], *(f"{peak:.1f} GB" for peak in memory)])


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--model", type=pathlib.Path, default=ROOT / ".build/stand-in")
    p.add_argument("--photo", type=pathlib.Path, default=ROOT / "Tests/suites/smoke/photos/astronaut.jpg")
    p.add_argument("--runs", type=int, default=3)
    p.add_argument("--threads", type=int, default=os.cpu_count())
    p.add_argument("--sizes", default="512,256,768")
    p.add_argument("--write-readme", action="store_true")
    a = p.parse_args()
    if not (a.model / "model_index.json").exists():
        subprocess.run([sys.executable, HERE / "stand_in.py", a.model], check=True)
    bench, sizes = Bench(a), [int(size) for size in a.sizes.split(",")]

    best = output([BUILD / "kernel-bench", "--threads", 1, "none"], {}).split(",")[0]
    settings = [(best, {}, sizes, "full")]
    if best == "avx512":
        settings = [("AVX2", AVX2, sizes, "full"), ("AVX-512", {}, sizes[:1], "full")]
    if "avx512_bf16" in pathlib.Path("/proc/cpuinfo").read_text():
        settings.append(("half precision", {}, sizes[:1], "half"))
    text = (
        f"Measured by `make bench` on {processor()}, {a.threads} threads, float32 arithmetic where nothing else is "
        f"said (ours on float16 weights, the peers' on float32), medians of {a.runs}. The full-size model is a "
        "stand-in with random weights; a step has three branches. A whole image of ours is the whole process, the "
        "peers' are their parts added up.\n"
    )
    small = [["embedded model, whole process", "512x512", "memory", "256x256", "memory"]]
    short = {}
    for name, limits, sizes, precision in settings:
        rows, memory = bench.compare(sizes, limits, precision)
        if not short:
            short = {paper: short_table(paper, name, a.threads, rows, memory) for paper in NAMES}
        print(f"{name}\n{whole_tables(rows, memory)}", flush=True)
        text += f"\n{'In' if precision == 'half' else 'All held to'} {name}:\n\n{whole_tables(rows, memory)}\n"
        small.append([name, *bench.small(limits, precision)])
    text += "\n" + table(*small)
    print(table(*small))
    if a.write_readme:
        replace_block(WHOLE, "bench", text)
        for paper, block in short.items():
            replace_block(paper, "bench", block)


if __name__ == "__main__":
    main()
