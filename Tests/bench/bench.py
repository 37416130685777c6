"""The README's tables of speed: cartoonize beside diffusers and OpenVINO on one machine, in one run.

    python bench.py [--model DIR] [--photo FILE] [--runs 3] [--threads N] [--sizes 512,256,768] [--write-readme]

The full-size model is a stand-in (real configuration, random weights: the time does not depend on the values), made in
DIR when it is not there. Each figure is a median; each program is a process of its own, one after another. All are held
to AVX2 first; on a processor with more, they are measured at their best as well, at the first size. Needs the packages
of Tests/parity/requirements.txt, 12 GB of memory and, on two cores, a quarter of an hour.
"""
import argparse, json, os, pathlib, re, statistics, subprocess, sys, tempfile, time

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = pathlib.Path(__file__).resolve().parent
BUILD = ROOT / ".build/release"
# What holds oneDNN (in OpenVINO and PyTorch), MKL and PyTorch's own kernels to AVX2.
AVX2 = {"CARTOONIZE_KERNELS": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "DNNL_MAX_CPU_ISA": "AVX2",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"}
# The peers and the largest size that each is measured at: beyond it diffusers, the slower one, is not waited for.
PEERS = {"OpenVINO": 1 << 20, "diffusers": 512}
STEPS = 20


def output(command, limits):
    return subprocess.run([str(part) for part in command], check=True, stdout=subprocess.PIPE, text=True,
                          env={**os.environ, **limits}).stdout


class Bench:
    def __init__(self, a): self.a = a

    def ours(self, size, limits, *options):
        """The program's own account of one run, and the seconds of the whole process."""
        with tempfile.TemporaryDirectory() as folder:
            start = time.perf_counter()
            text = output([BUILD / "cartoonize", self.a.photo, "-o", f"{folder}/out.png", "--size", f"{size}x{size}",
                           "--seed", 1, "--json", "--quiet", "--threads", self.a.threads, *options], limits)
            return {**json.loads(text), "process": time.perf_counter() - start}

    def full_size(self, size, steps, limits):
        return self.ours(size, limits, "--model", self.a.model, "--steps", steps, "--guidance", 7.5, "--image-guidance", 1.5)

    def peer(self, name, sizes, limits):
        print(f"{name}, {limits.get('CARTOONIZE_KERNELS', 'best')}", file=sys.stderr, flush=True)
        return json.loads(output([
            sys.executable, HERE / "peers.py", name.lower(), "--sizes", ",".join(map(str, sizes)), "--runs", self.a.runs,
            "--threads", self.a.threads, "--cache", ROOT / ".build/openvino-models"], limits).splitlines()[-1])

    def compare(self, sizes, limits):
        """A table of seconds and a sentence on memory. The autoencoder and the whole picture are of the first size."""
        theirs = {name: self.peer(name, [s for s in sizes if s <= largest], limits) for name, largest in PEERS.items()}
        runs = {size: self.full_size(size, max(3, self.a.runs), limits) for size in sizes}
        first = sizes[0]
        own = [runs[first]] + [self.full_size(first, 1, limits) for _ in range(self.a.runs - 1)]
        median = lambda part: statistics.median(run["timings"][part] for run in own)
        step = lambda size: runs[size]["timings"]["step"]

        lines = ["| | cartoonize | " + " | ".join(f"{name} | ratio" for name in PEERS) + " |", "|---" * 6 + "|"]
        def row(label, seconds, of_peer):
            peers = [of_peer(theirs[name]) for name in PEERS]
            cells = [f"{peer:.2f} s | {seconds / peer:.2f}" if peer else "- | -" for peer in peers]
            lines.append(f"| {label} | {seconds:.2f} s | " + " | ".join(cells) + " |")
        for size in sizes: row(f"UNet step, {size}x{size}", step(size), lambda t: t.get(f"step {size}"))
        for part in ("encode", "decode"): row(f"VAE {part}, {first}x{first}", median(part), lambda t: t[part])
        # Ours with start, loading, text encoder and files, the steps not run added; theirs without.
        whole = own[0]["process"] + (STEPS - own[0]["steps"]) * step(first)
        row(f"whole picture, {first}x{first}, {STEPS} steps", whole,
            lambda t: t["encode"] + STEPS * t[f"step {first}"] + t["decode"])
        memory = ", ".join([f"cartoonize {max(run['peak_rss_bytes'] for run in own) / 1e9:.1f} GB"] +
                           [f"{name} {t['peak_gb']:.1f} GB" for name, t in theirs.items()])
        return "\n".join(lines), f"Peak memory at {first}x{first}: {memory}."

    def small(self, limits):
        cells = []
        for size in (512, 256):
            runs = [self.ours(size, limits) for _ in range(self.a.runs)]
            cells += [f"{statistics.median(run['process'] for run in runs):.2f} s",
                      f"{max(run['peak_rss_bytes'] for run in runs) / 1e6:.0f} MB"]
        return " | ".join(cells)


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
    settings = [("AVX2", AVX2, sizes), ("AVX-512", {}, sizes[:1])] if best == "avx512" else [(best, {}, sizes)]
    text = (f"Measured by `make bench` on {processor()}, {a.threads} threads, float32 arithmetic (ours on float16 weights, "
            f"the peers' on float32), medians of {a.runs}. The full-size model is a stand-in with random weights; a step "
            f"has three branches. A whole picture of ours is the whole process, the peers' are their parts added up.\n")
    small = ["| small model, whole process | 512x512 | memory | 256x256 | memory |", "|---" * 5 + "|"]
    for name, limits, sizes in settings:
        table, memory = bench.compare(sizes, limits)
        print(f"{name}\n{table}\n{memory}", flush=True)
        text += f"\nAll held to {name}:\n\n{table}\n\n{memory}\n"
        small.append(f"| {name} | {bench.small(limits)} |")
    text += "\n" + "\n".join(small)
    print("\n".join(small))
    if a.write_readme: write_readme(text)


if __name__ == "__main__":
    main()
