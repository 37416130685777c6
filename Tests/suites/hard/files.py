"""Files aimed at arithmetic edges, endless devices and long texts: each must end as it should, quickly and in little
memory.

    python3 Tests/suites/hard/files.py [NAME ...]

Needs nothing but Python. Prints what is wrong, and how many inputs were tried.
"""

import os
import pathlib
import resource
import shutil
import struct
import subprocess
import sys
import threading
import time
import zlib

from campaign import MODEL, PHOTOS, PROGRAM, ROOT, workplace

PLACE = workplace("files")
TRIED, WRONG = [0], [0]
SECONDS, MEGABYTES = 20, 512


def check(name, arguments, statuses, data=None, seconds=SECONDS, megabytes=MEGABYTES):
    """Runs the program and judges it: the status, one line of errors, time, memory, nothing that controls a
    terminal."""
    if sys.argv[1:] and not any(word in name for word in sys.argv[1:]):
        return
    TRIED[0] += 1
    process = subprocess.Popen(
        [PROGRAM, *arguments],
        stdin=subprocess.PIPE if data is not None else subprocess.DEVNULL,
        cwd=PLACE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={"PATH": os.environ["PATH"], "HOME": PLACE},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (0, 0)),
    )
    peak = [0]
    threading.Thread(target=watch, args=(process, peak), daemon=True).start()
    problems = []
    try:
        _, errors = process.communicate(data, timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        _, errors = process.communicate()
        problems.append(f"more than {seconds} s")
    text = errors.decode(errors="replace")
    reported = [line for line in text.splitlines() if "error:" in line]
    if not problems and process.returncode not in statuses:
        problems.append(f"status {process.returncode}")
    if not problems and process.returncode != 0 and len(reported) != 1:
        problems.append(f"{len(reported)} lines of errors")
    if any(len(line) > 1500 for line in text.splitlines()):
        problems.append("a line of over 1500 characters")
    if any((ord(c) < 32 and c != "\n") or 0x7F <= ord(c) < 0xA0 or c in "\u202e\u2066" for c in text):
        problems.append("control characters")
    if peak[0] > megabytes:
        problems.append(f"{peak[0]} MB")
    if problems:
        WRONG[0] += 1
        print(f"{name}: {'; '.join(problems)} | {' '.join(text.split())[-160:]}", flush=True)


def watch(process, peak):
    """The largest resident memory so far; of the program, not of the Python that started it."""
    while process.poll() is None:
        try:
            with open(f"/proc/{process.pid}/status") as file:
                lines = file.read().splitlines()
        except OSError:
            return
        if "cartoonize" in lines[0]:
            for line in lines:
                if line.startswith("VmHWM"):
                    peak[0] = max(peak[0], int(line.split()[1]) >> 10)
        time.sleep(0.01)


def write(name, data):
    path = f"{PLACE}/{name}"
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if os.path.lexists(path):
        os.remove(path)
    with open(path, "wb") as file:
        file.write(data)
    return path


# ---- safetensors


def tensor(kind, shape, offsets, more=""):
    return f'{{"dtype":"{kind}","shape":{shape},"data_offsets":{offsets}{more}}}'


def safetensors(header, data=b"", length=None):
    header = header if isinstance(header, bytes) else header.encode()
    return struct.pack("<Q", len(header) if length is None else length) + header + data


def safetensors_cases():
    one, four = tensor("U8", "[4]", "[0,4]"), bytes(4)
    for count in (0, 1, 7):
        yield f"only {count} bytes", bytes(count), {3}
    for length in (1, 9, 2**32, 100_000_001, 2**63 - 8, 2**63, 2**64 - 1):
        yield f"header of {length}", safetensors("{}", length=length), {3}
    numbers = [-1, 2**61, 2**62, 2**63 - 1, 2**63, 2**64, "1e3", "1.0", "-0", "01", "null", "true", '"4"', "NaN", "[4]"]
    for number in numbers:
        yield f"shape [{number}]", safetensors(f'{{"a":{tensor("F32", f"[{number}]", "[0,4]")}}}', four), {3}
        yield f"shape [{number},0]", safetensors(f'{{"a":{tensor("U8", f"[{number},0]", "[0,0]")}}}'), {0, 3}
        yield f"start {number}", safetensors(f'{{"a":{tensor("F32", "[1]", f"[{number},4]")}}}', four), {3}
        yield f"end {number}", safetensors(f'{{"a":{tensor("F32", "[1]", f"[0,{number}]")}}}', four), {3}
    for sides in ("2147483648,2147483648,2", "4294967296,4294967296", "3037000500,3037000500", "9223372036854775807,2"):
        yield f"sides {sides}", safetensors(f'{{"a":{tensor("F64", f"[{sides}]", "[0,4]")}}}', four), {3}
    yield "overlap", safetensors(f'{{"a":{one},"b":{tensor("U8", "[4]", "[2,6]")}}}', bytes(6)), {3}
    yield "gap", safetensors(f'{{"a":{one},"b":{tensor("U8", "[1]", "[5,6]")}}}', bytes(6)), {3}
    yield "a name twice", safetensors(f'{{"a":{one},"a":{one}}}', four), {3}
    yield "a name twice, escaped", safetensors(f'{{"a":{one},"\\u0061":{one}}}', four), {3}
    yield (
        "commands to a terminal",
        safetensors(f'{{"\\u001b]0;x\\u0007\\u202e":{tensor("U8", "[5]", "[0,4]")}}}', four),
        {3},
    )
    yield "a long name", safetensors(f'{{"{"k" * 5_000_000}":{tensor("U8", "[5]", "[0,4]")}}}', four), {3}
    yield "marks without end", safetensors(f'{{"a{chr(0x301) * 1_000_000}":{tensor("U8", "[5]", "[0,4]")}}}', four), {3}
    yield "nested lists", safetensors('{"a":' + "[" * 1_000_000, four), {3}
    yield "nested objects", safetensors('{"a":' * 1_000_000, four), {3}
    yield "a long shape", safetensors(f'{{"a":{tensor("U8", "[" + "1," * 2_000_000 + "1]", "[0,4]")}}}', four), {3}
    yield "a long number", safetensors(f'{{"a":{tensor("U8", "[" + "9" * 5_000_000 + "]", "[0,4]")}}}', four), {3}
    notes = ",".join(f'"{i}":""' for i in range(5_000_000))
    yield "five million notes", safetensors(f'{{"__metadata__":{{{notes}}}}}'), {0}
    del notes
    many = ",".join(f'"{i}":{tensor("U8", "[0]", "[0,0]")}' for i in range(100_001))
    yield "100,001 tensors", safetensors("{" + many + "}"), {3}
    for name in ("input_blocks.0.0.op.weight", "input_blocks.1.0.x", "output_blocks.0.0.x"):
        key = f"model.diffusion_model.{name}"
        yield f"only {name}", safetensors(f'{{"{key}":{tensor("F32", "[1,1,1,1]", "[0,4]")}}}', four), {0, 3}


# ---- pictures


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, colour=2, depth=8, pixels=None, extra=b""):
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}.get(colour, 1)
    row = b"\0" + bytes((width * channels * depth + 7) // 8)
    if pixels is None:
        packer = zlib.compressobj(1)
        pixels = b"".join([packer.compress(row) for _ in range(height)] + [packer.flush()])
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def picture_cases():
    empty = zlib.compress(b"\0\0\0\0")
    for width in (0, 2**31 - 1, 2**31, 2**32 - 1, 1_000_001):
        for height in (0, 1, 2**32 - 1):
            yield f"png {width}x{height}", png(width, height, pixels=empty), {4}
    for depth in (0, 3, 17, 255):
        for colour in (0, 1, 2, 5, 9, 255):
            yield f"png depth {depth} colour {colour}", png(8, 8, colour, depth, empty), {4}
    good = png(16, 16)
    for cut in (0, 1, 8, 20, 33, 40, len(good) // 2):
        yield f"png cut at {cut}", good[:cut], {4}
    yield "png 1000000x268", png(1_000_000, 268, 0), {4}
    for name in ("hevc", "av1"):
        with open(f"{ROOT}/Tests/ImageCodecsTests/Fixtures/larger-than-said/{name}", "rb") as file:
            yield f"{name} larger than it says", file.read(), {4}
    yield "png of one bit, 16384x16384", png(16384, 16384, 0, 1), {0, 4, 7}
    fields = zlib.compress(b"x\nSteps: 1" + b", a: b" * 160_000, 9)
    yield "parameters of a megabyte", png(16, 16, extra=chunk(b"zTXt", b"parameters\0\0" + fields)), {0}
    yield (
        "webp of a header",
        b"RIFF" + struct.pack("<I", 30) + b"WEBPVP8X" + bytes([10, 0, 0, 0, 0, 0, 0, 0]) + b"\xff\x3f\0\xff\x3f\0",
        {4},
    )
    for start in (b"\xff\xd8\xff", b"RIFF\xff\xff\xff\xffWEBP", b"\0\0\0\x18ftypheic", b"GIF89a", b"II*\0"):
        yield f"nothing but {start[:4]!r}", start + bytes(100), {4}


# ---- model folders


def model(**changes):
    """A copy of the model with some files replaced; weights are linked."""
    folder = f"{PLACE}/model"
    shutil.rmtree(folder, ignore_errors=True)
    for base, _, names in os.walk(MODEL):
        for name in names:
            source = os.path.join(base, name)
            target = f"{folder}/{os.path.relpath(source, MODEL)}"
            os.makedirs(os.path.dirname(target), exist_ok=True)
            if name.endswith(".safetensors"):
                os.symlink(source, target)
            else:
                shutil.copy(source, target)
    for name, content in changes.items():
        replace(f"{folder}/{name}", content)
    return folder


def replace(path, content):
    """Puts bytes, a link (a text) or a pipe (None) in a file's place."""
    if os.path.lexists(path):
        os.remove(path)
    if content is None:
        os.mkfifo(path)
    elif isinstance(content, str):
        os.symlink(content, path)
    else:
        with open(path, "wb") as file:
            file.write(content)


def model_cases():
    line = b"0" * 64 + b"  "
    for target in (b"/dev/zero", b"../../../../../../dev/zero", b"../../etc/passwd", b"missing", b"unet", b"."):
        yield f"SHA256SUMS names {target.decode()}", {"SHA256SUMS": line + target + b"\n"}, ["verify"]
    yield "SHA256SUMS of 20 MB", {"SHA256SUMS": line + b"x\n" * 10_000_000}, ["verify"]
    for name in ("SHA256SUMS", "probe.json", "source.json"):
        for kind, content in (("/dev/zero", "/dev/zero"), ("a pipe", None)):
            yield f"{name} is {kind}", {name: content}, ["verify"]
    for name in (
        "model_index.json",
        "cartoonize.json",
        "tokenizer/vocab.json",
        "tokenizer/merges.txt",
        "unet/config.json",
        "unet/diffusion_pytorch_model.safetensors",
        "scheduler/scheduler_config.json",
    ):
        for kind, content in (("/dev/zero", "/dev/zero"), ("a pipe", None), ("empty", b""), ("/", "/")):
            yield f"{name} is {kind}", {name: content}, ["inspect", "verify", "run"]
    yield "merges.txt of line ends", {"tokenizer/merges.txt": b"\n" * 30_000_000}, ["run"]


# ---- lists and folders of outputs


def batch_cases():
    photo = write("photos/a.png", png(16, 16))
    yield "a list without end", ["--files-from", "/dev/zero", "-o", "lists", "-q"], {4}
    yield "a list of one long line", ["--files-from", write("list", b"x" * 50_000_000), "-o", "lists", "-q"], {4, 6}
    yield "an empty list", ["--files-from", write("list", b"\n" * 5_000_000), "-o", "lists", "-q"], {4}
    yield "a name with commands", [f"{PLACE}/\x1b[31m\u202e.png", "-q"], {4}
    yield "an output with commands", [photo, "-o", "none\x1b[31m/o.png", "-q"], {5}
    for name, content in (("a pipe", None), ("/dev/full", "/dev/full"), ("/dev/zero", "/dev/zero")):
        yield f"the manifest is {name}", ("cartoonize.jsonl", content), {5}
        yield f"the seed is {name}", ("cartoonize.seed", content), {5}
    yield (
        "the manifest is garbage",
        ("cartoonize.jsonl", b"garbage\n{}\n[]\nnull\n\xff\xfe\n\0\0\n" + b'{"a":' * 100_000),
        {0},
    )
    yield "the manifest is one long line", ("cartoonize.jsonl", b'{"input":"' + b"x" * 50_000_000 + b'"}\n'), {0}
    yield "the seed is long", ("cartoonize.seed", b"9" * 1000), {5}


def main():
    photo = write("photo.jpg", pathlib.Path(PHOTOS[0]).read_bytes())
    for name, data, statuses in safetensors_cases():
        path = write("x.safetensors", data)
        check(f"safetensors: {name}: inspect", ["inspect", path], statuses)
        if len(data) < 1 << 20:
            check(f"safetensors: {name}: convert", ["convert", path, "converted", "-q"], {3})
            check(f"safetensors: {name}: run", [photo, "-o", "out.png", "-m", path, "-q"], {3})
    for name, data, statuses in picture_cases():
        path = write("x.png", data)
        check(f"picture: {name}: inspect", ["inspect", path], statuses)
        check(f"picture: {name}: dry run", [path, "-o", "out.png", "--dry-run", "-q"], statuses | {0})
        check(
            f"picture: {name}: from a pipe",
            ["-", "-o", "out.png", "-f", "-q", "--max-pixels", "4096"],
            statuses | {7},
            data=data,
        )
    for name, changes, kinds in model_cases():
        folder = model(**changes)
        arguments = {
            "inspect": ["inspect", folder],
            "verify": ["verify", folder, "-q"],
            "run": [photo, "-o", "out.png", "-f", "-q", "--max-pixels", "4096", "-m", folder],
        }
        for kind in kinds:
            check(f"model: {name}: {kind}", arguments[kind], {0, 3})
    for name, what, statuses in batch_cases():
        if isinstance(what, list):
            check(f"batch: {name}", what, statuses)
            continue
        shutil.rmtree(f"{PLACE}/toons", ignore_errors=True)
        os.makedirs(f"{PLACE}/toons")
        replace(f"{PLACE}/toons/{what[0]}", what[1])
        check(f"batch: {name}", ["photos", "-o", "toons", "-q"], statuses)
    shutil.rmtree(PLACE)
    print(f"{TRIED[0]} inputs, {WRONG[0]} wrong")
    return min(WRONG[0], 1)


if __name__ == "__main__":
    sys.exit(main())
