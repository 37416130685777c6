"""What the campaigns share: the program, its commands with all that each writes, and how an outcome is judged."""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../.."))
PROGRAM = os.path.abspath(os.environ.get("PROGRAM", f"{ROOT}/.build/release/cartoonize"))
MODEL = f"{ROOT}/Models/cartoonizer-mini"
PHOTOS = [
    f"{ROOT}/Tests/suites/smoke/photos/{name}"
    for name in sorted(os.listdir(f"{ROOT}/Tests/suites/smoke/photos"))
    if name.endswith((".jpg", ".png"))
]
sys.path.insert(0, f"{ROOT}/Tests/suites/hub")


class Command:
    """One of the program's commands, run in a folder of its own; `outputs` are what it leaves there."""

    def __init__(self, name, arguments, outputs, environment=None):
        self.name, self.arguments, self.outputs, self.environment = name, arguments, outputs, environment or {}

    def start(self, folder, **more):
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": folder,
            "SWIFT_BACKTRACE": "enable=no",
            **self.environment,
            **more.pop("environment", {}),
        }
        return subprocess.Popen(
            [PROGRAM, *self.arguments],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            **more,
        )

    def run(self, folder, timeout=120, **more):
        """Returns the status (negative for a signal, None for a hang) and the lines on standard error."""
        process = self.start(folder, **more)
        try:
            errors = process.communicate(timeout=timeout)[1]
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            return None, []
        return process.returncode, errors.decode(errors="replace").splitlines()

    def state(self, folder):
        """The SHA-256 sums of what the command has left, by path; a manifest's without its times."""
        found = {}
        for base, _, names in os.walk(folder):
            for name in names:
                path = os.path.join(base, name)
                relative = os.path.relpath(path, folder)
                if not any(relative == output or relative.startswith(output + "/") for output in self.outputs):
                    continue
                with open(path, "rb") as file:
                    content = file.read()
                if name.endswith(".jsonl"):
                    content = without_times(content)
                found[relative] = hashlib.sha256(content).hexdigest()
        return found


def without_times(manifest):
    """A manifest's lines without what differs from run to run."""
    import json

    lines = []
    for line in manifest.splitlines():
        try:
            values = json.loads(line)
        except ValueError:
            lines.append(repr(line))
            continue
        for name in ("seconds", "output_modified"):
            values.pop(name, None)
        lines.append(json.dumps(values, sort_keys=True))
    return "\n".join(lines).encode()


def hidden(folder):
    """Files and folders that only a killed run leaves."""
    return [
        os.path.join(base, name)
        for base, folders, names in os.walk(folder)
        for name in folders + names
        if ".partial" in name or name.endswith(".pull")
    ]


def inputs(folder):
    """Fills a folder with photos: `photos/` of four, small enough for many runs."""
    os.makedirs(f"{folder}/photos", exist_ok=True)
    for index in range(4):
        shutil.copy2(PHOTOS[index % len(PHOTOS)], f"{folder}/photos/{index}.jpg")


def commands(hub=None):
    """The commands of the campaigns; `pull` only with a hub's address."""
    quick = ["--seed", "1", "--steps", "1", "--max-pixels", "4096", "-q"]
    made = [
        Command("run", ["photos/0.jpg", "-o", "out.png", *quick], ["out.png"]),
        Command("batch", ["photos", "-o", "toons", *quick], ["toons"]),
        Command("convert", ["convert", MODEL, "converted", "-q"], ["converted"]),
    ]
    if hub:
        made.append(
            Command(
                "pull",
                ["pull", hub.name, "-q"],
                ["data/models"],
                {"CARTOONIZE_HOME": "data", "HF_ENDPOINT": hub.endpoint, "HF_TOKEN": hub.token},
            )
        )
    return made


class CalmHub:
    """A hub on this machine that does nothing wrong."""

    def __init__(self):
        from stress import NAME, TOKEN, Hub

        self.name, self.token = NAME, TOKEN
        self.endpoint = Hub(MODEL, 1, calm=True, rate=1e9).endpoint


def workplace(prefix):
    return tempfile.mkdtemp(prefix=f"cartoonize-{prefix}-")
