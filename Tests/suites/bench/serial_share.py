"""The share of a denoising step that no number of threads makes shorter, by Linux's perf.

    python serial_share.py [cartoonize's arguments]

Runs the program on one thread and samples its call stacks: a step's serial share is what lies under the denoising loop
but not inside a parallel region (`ck_pool_run`). By default the embedded model works at 512x512, 8 steps with guidance.
"""

import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[3]
ARGUMENTS = [
    ROOT / "Tests/suites/smoke/photos/astronaut.jpg",
    "--size",
    "512x512",
    "--steps",
    "8",
    "--guidance",
    "2",
    "--image-guidance",
    "1.5",
]


def main():
    with tempfile.TemporaryDirectory() as folder:
        data = f"{folder}/perf.data"
        subprocess.run(
            [
                "perf",
                "record",
                "-q",
                "-F",
                "999",
                "-g",
                "-o",
                data,
                ROOT / ".build/release/cartoonize",
                *(sys.argv[1:] or ARGUMENTS),
                "-o",
                f"{folder}/out.png",
                "--threads",
                "1",
                "--quiet",
            ],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        stacks = subprocess.run(
            ["perf", "script", "-i", data, "-F", "ip,sym"], check=True, capture_output=True, text=True
        ).stdout.split("\n\n")
    steps = [stack for stack in stacks if "DenoisingSequence" in stack]
    serial = sum("ck_pool_run" not in stack for stack in steps)
    print(
        f"{serial} of {len(steps)} samples of the steps are outside parallel regions: {100 * serial / len(steps):.2f} %"
    )


if __name__ == "__main__":
    main()
