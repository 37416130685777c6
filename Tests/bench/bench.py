"""The README's table of speed: cartoonize beside diffusers and OpenVINO on one machine, in one run.

    python bench.py [--model DIR] [--photo FILE] [--runs 3] [--threads N] [--write-readme]

The full-size model is a stand-in (real configuration, random weights: the time does not depend on the values), made in
DIR when it is not there. Each figure is a median; each program is a process of its own, one after another. Needs the
packages of Tests/parity/requirements.txt.
"""
import argparse, json, os, pathlib, re, statistics, subprocess, sys, tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = pathlib.Path(__file__).resolve().parent
PROGRAM = ROOT / ".build/release/cartoonize"


def ours(photo, size, threads, steps, model=None):
    """The program's own account of one run, and the seconds and peak memory of the whole process."""
    with tempfile.TemporaryDirectory() as folder:
        command = [PROGRAM, photo, "-o", f"{folder}/out.png", "--size", f"{size}x{size}", "--seed", "1", "--json",
                   "--quiet", "--threads", str(threads)]
        if model: command += ["--model", model, "--steps", str(steps), "--guidance", "7.5", "--image-guidance", "1.5"]
        out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return json.loads(out)


def peer(name, size, runs, threads, parts):
    command = [sys.executable, HERE / "peers.py", name, "--size", str(size), "--runs", str(runs), "--threads",
               str(threads), "--parts", parts]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return json.loads(out.splitlines()[-1])


def instruction_set():
    text = subprocess.run([ROOT / ".build/release/kernel-bench", "--threads", "1", "none"], check=True,
                          capture_output=True, text=True).stdout
    return text.split(",")[0]


def processor():
    for line in open("/proc/cpuinfo"):
        if line.startswith("model name"): return line.split(":")[1].strip()
    return "unknown processor"


def table(rows):
    lines = ["| | cartoonize | diffusers | OpenVINO | of diffusers | of OpenVINO |", "|---|---|---|---|---|---|"]
    for name, own, diffusers, openvino in rows:
        cells = [f"{x:.2f} s" if x is not None else "-" for x in (own, diffusers, openvino)]
        ratios = [f"{own / x:.2f}" if x is not None else "-" for x in (diffusers, openvino)]
        lines.append(f"| {name} | " + " | ".join(cells + ratios) + " |")
    return "\n".join(lines)


def write_readme(text):
    path = ROOT / "README.md"
    marked = re.sub(r"(<!-- bench:begin -->\n).*?(<!-- bench:end -->)", lambda m: m[1] + text + "\n" + m[2],
                    path.read_text(), flags=re.S)
    path.write_text(marked)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--model", type=pathlib.Path, default=ROOT / ".build/stand-in")
    p.add_argument("--photo", type=pathlib.Path, default=ROOT / "Tests/smoke/photos/astronaut.jpg")
    p.add_argument("--runs", type=int, default=3); p.add_argument("--threads", type=int, default=os.cpu_count())
    p.add_argument("--sizes", default="512,256,768"); p.add_argument("--write-readme", action="store_true")
    a = p.parse_args()
    if not (a.model / "model_index.json").exists():
        subprocess.run([sys.executable, HERE / "stand_in.py", a.model], check=True)
    rows, memory = [], []
    for size in map(int, a.sizes.split(",")):
        own = ours(a.photo, size, a.threads, max(3, a.runs), a.model)
        parts = "unet,vae" if size == 512 else "unet"
        d, o = (peer(name, size, a.runs, a.threads, parts) for name in ("diffusers", "openvino"))
        timings = own["timings"]
        rows.append((f"UNet step, three branches, {size}x{size}", timings["step"], d["step"], o["step"]))
        if size == 512:
            again = [timings] + [ours(a.photo, size, a.threads, 1, a.model)["timings"] for _ in range(a.runs - 1)]
            for part in ("encode", "decode"):
                rows.append((f"VAE {part}, {size}x{size}", statistics.median(t[part] for t in again), d[part], o[part]))
            memory = [own["peak_rss_bytes"] / 1e9, d["peak_gb"], o["peak_gb"]]
        print(table(rows[-3 if size == 512 else -1:]), flush=True)
    embedded = [ours(a.photo, 512, a.threads, 4) for _ in range(a.runs)]
    seconds = statistics.median(run["timings"]["total"] for run in embedded)
    text = (
        f"Measured by `make bench` on {processor()}, {a.threads} threads, {instruction_set()} kernels, float32 arithmetic on "
        f"float16 weights (the peers' in float32); medians of {a.runs}. The full-size model is a stand-in with random weights.\n\n"
        + table(rows) + "\n\n"
        + (f"Peak memory of the 512x512 run: {memory[0]:.1f} GB; the peers' parts one after another take {memory[1]:.1f} GB "
           f"(diffusers) and {memory[2]:.1f} GB (OpenVINO).\n" if memory else "")
        + f"The embedded model makes a 512x512 picture in {seconds:.1f} s, the whole process "
        f"({max(run['peak_rss_bytes'] for run in embedded) / 1e6:.0f} MB).")
    print(text)
    if a.write_readme: write_readme(text)


if __name__ == "__main__":
    main()
