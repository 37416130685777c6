"""The README's tables of speed: cartoonize beside diffusers and OpenVINO on one machine, in one run.

    python bench.py [--model DIR] [--photo FILE] [--runs 3] [--threads N] [--sizes 512,256,768] [--write-readme]

The full-size model is a stand-in (real configuration, random weights: the time does not depend on the values), made in
DIR when it is not there. Each figure is a median; each program is a process of its own, one after another. All are held to
AVX2 first; on a processor with more, ours and OpenVINO are measured at its best as well. Needs the packages of
Tests/parity/requirements.txt, 12 GB of memory and, on two cores, a quarter of an hour.
"""
import argparse, json, os, pathlib, re, statistics, subprocess, sys, tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = pathlib.Path(__file__).resolve().parent
BUILD = ROOT / ".build/release"
# What holds oneDNN (OpenVINO and PyTorch), MKL and PyTorch's own kernels to AVX2.
AVX2 = {"CARTOONIZE_KERNELS": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "DNNL_MAX_CPU_ISA": "AVX2",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"}
STEPS = 20


def output(command, limits):
    return subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True,
                          env={**os.environ, **limits}).stdout


class Bench:
    def __init__(self, a): self.a = a

    def ours(self, size, steps, limits, model=None):
        """The program's own account of one run: seconds and peak memory of the whole process."""
        with tempfile.TemporaryDirectory() as folder:
            command = [BUILD / "cartoonize", self.a.photo, "-o", f"{folder}/out.png", "--size", f"{size}x{size}", "--seed",
                       "1", "--json", "--quiet", "--threads", self.a.threads]
            if model: command += ["--model", model, "--steps", steps, "--guidance", "7.5", "--image-guidance", "1.5"]
            return json.loads(output(command, limits))

    def peer(self, name, sizes, limits):
        command = [sys.executable, HERE / "peers.py", name.lower(), "--sizes", ",".join(map(str, sizes)), "--runs", self.a.runs,
                   "--threads", self.a.threads, "--cache", ROOT / ".build/openvino-models"]
        return json.loads(output(command, limits).splitlines()[-1])

    def full_size(self, sizes, limits, peers):
        """Rows of seconds, (name, ours, {peer: its}), and a line on memory."""
        first, a = sizes[0], self.a
        theirs = {name: self.peer(name, [s for s in sizes if s <= largest], limits) for name, largest in peers}
        rows, own = [], []
        for size in sizes:
            run = self.ours(size, max(3, a.runs), limits, a.model)
            rows.append((f"UNet step, {size}x{size}", run["timings"]["step"],
                         {name: t.get(f"step {size}") for name, t in theirs.items()}))
            if size == first: own.append(run)
        own += [self.ours(first, 1, limits, a.model) for _ in range(a.runs - 1)]
        median = lambda part: statistics.median(run["timings"][part] for run in own)
        for part in ("encode", "decode"):
            rows.append((f"VAE {part}, {first}x{first}", median(part), {name: t[part] for name, t in theirs.items()}))
        whole = lambda encode, step, decode: encode + STEPS * step + decode
        rows.append((f"whole picture, {first}x{first}, {STEPS} steps", whole(median("encode"), rows[0][1], median("decode")), {
            name: whole(t["encode"], t[f"step {first}"], t["decode"]) for name, t in theirs.items()}))
        memory = f"{max(run['peak_rss_bytes'] for run in own) / 1e9:.1f} GB; " + ", ".join(
            f"{name} {t['peak_gb']:.1f} GB" for name, t in theirs.items())
        return rows, memory


def table(rows):
    peers = list(rows[0][2])
    lines = ["| | cartoonize | " + " | ".join(f"{p} | ratio" for p in peers) + " |",
             "|---" * (2 + 2 * len(peers)) + "|"]
    for name, own, theirs in rows:
        cells = [f"{theirs[p]:.2f} s | {own / theirs[p]:.2f}" if theirs[p] else "- | -" for p in peers]
        lines.append(f"| {name} | {own:.2f} s | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def processor():
    for line in open("/proc/cpuinfo"):
        if line.startswith("model name"): return line.split(":")[1].strip()
    return "unknown processor"


def write_readme(text):
    path = ROOT / "README.md"
    path.write_text(re.sub(r"(<!-- bench:begin -->\n).*?(<!-- bench:end -->)", lambda m: m[1] + text + "\n" + m[2],
                           path.read_text(), flags=re.S))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--model", type=pathlib.Path, default=ROOT / ".build/stand-in")
    p.add_argument("--photo", type=pathlib.Path, default=ROOT / "Tests/smoke/photos/astronaut.jpg")
    p.add_argument("--runs", type=int, default=3); p.add_argument("--threads", type=int, default=os.cpu_count())
    p.add_argument("--sizes", default="512,256,768"); p.add_argument("--write-readme", action="store_true")
    a = p.parse_args()
    if not (a.model / "model_index.json").exists():
        subprocess.run([sys.executable, HERE / "stand_in.py", a.model], check=True)
    bench, sizes = Bench(a), [int(size) for size in a.sizes.split(",")]

    best = output([BUILD / "kernel-bench", "--threads", 1, "none"], {}).split(",")[0]
    # diffusers is the slower at 768x768, and at its best: it is not waited for there.
    rows, memory = bench.full_size(sizes, AVX2 if best == "avx512" else {}, [("OpenVINO", 10**6), ("diffusers", 512)])
    print(table(rows), flush=True)
    text = (f"Measured by `make bench` on {processor()}, {a.threads} threads, all held to AVX2, float32 arithmetic (ours on "
            f"float16 weights, the peers' on float32); medians of {a.runs}. The full-size model is a stand-in with random "
            f"weights; a step has three branches.\n\n{table(rows)}\n\nPeak memory: cartoonize {memory}.\n\n")
    if best == "avx512":
        rows, _ = bench.full_size(sizes[:1], {}, [("OpenVINO", 10**6)])
        text += f"The same with AVX-512, OpenVINO asked for float32:\n\n{table(rows)}\n\n"
    for limits, name in [(AVX2, "AVX2"), ({}, "AVX-512")] if best == "avx512" else [({}, best)]:
        runs = [bench.ours(512, 0, limits) for _ in range(a.runs)]
        text += (f"The small model makes a 512x512 picture in {statistics.median(r['timings']['total'] for r in runs):.1f} s, "
                 f"the whole process, with {name} ({max(r['peak_rss_bytes'] for r in runs) / 1e6:.0f} MB). ")
    text = text.rstrip()
    print(text)
    if a.write_readme: write_readme(text)


if __name__ == "__main__":
    main()
