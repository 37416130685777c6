"""Pull a model again and again from a hub that misbehaves, killing the program at random moments.

    swift build -c release --product cartoonize
    python3 Tests/suites/hub/stress.py [--runs 200] [--seed 1] [--model FOLDER] [--binary .build/release/cartoonize]

The hub is this script: it lists files, redirects large ones to a second host with signed addresses, and at random cuts
connections, sends other lengths, other bytes, other ranges, pauses, and statuses 429 and 5xx. Every run must end with
the same files, each with its SHA-256 sum, nothing beside them, and the second host must never have seen the token.
Needs nothing but Python.
"""

import argparse
import hashlib
import http.server
import json
import os
import random
import signal
import socketserver
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../.."))
TOKEN, COMMIT, NAME = "hf_secret", "0123456789abcdef0123456789abcdef01234567", "org/model"


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True

    def handle_error(self, request, address):
        pass  # clients are killed in the middle of everything


def start_server(handler, tls=None, host="127.0.0.1"):
    server = Server((host, 0), handler)
    # Hands are shaken in the connection's own thread.
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


class Hub:
    """The files of a folder, and what went wrong while serving them."""

    def __init__(self, folder, seed, calm=False, rate=20e6, tls=None, hosts=("127.0.0.1", "localhost")):
        """`tls` is a server's SSLContext, and `hosts` are what hub and second host are called in addresses."""
        self.tls = tls
        self.random, self.lock, self.calm, self.rate = random.Random(seed), threading.Lock(), calm, rate
        self.files, self.faults, self.leaks, self.requests = {}, {}, [], 0
        for base, _, names in os.walk(folder):
            for name in names:
                path = os.path.join(base, name)
                with open(path, "rb") as f:
                    self.files[os.path.relpath(path, folder)] = f.read()
        self.cdn = self.start("localhost", self.serve_cdn)
        self.hub = self.start("127.0.0.1", self.serve_hub)
        scheme = "https" if tls else "http"
        self.endpoint = f"{scheme}://{hosts[0]}:{self.hub.server_port}"
        self.storage = f"{scheme}://{hosts[1]}:{self.cdn.server_port}"

    def start(self, host, serve):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                serve(self)

            def log_message(self, *args):
                pass

        return start_server(Handler, self.tls, host)

    def is_large(self, path):
        return path.endswith((".safetensors", ".bin"))

    def listing(self):
        siblings = []
        for path, data in self.files.items():
            blob = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
            entry = {"rfilename": path, "size": len(data), "blobId": blob}
            if self.is_large(path):
                entry["lfs"] = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 134}
            siblings.append(entry)
        return json.dumps({"id": NAME, "sha": COMMIT, "siblings": siblings}).encode()

    def fault(self):
        with self.lock:
            self.requests += 1
            if self.calm or self.random.random() < 0.4:
                return None
            kind = self.random.choice(
                [
                    "cut",
                    "cut",
                    "cut",
                    "429",
                    "503",
                    "wrong bytes",
                    "wrong length",
                    "wrong range",
                    "pause",
                    "no range",
                    "silence",
                ]
            )
            self.faults[kind] = self.faults.get(kind, 0) + 1
            return kind

    def serve_hub(self, request):
        path = request.path
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self.status(request, 401, {"X-Error-Code": "RepoNotFound"})
        if path == f"/api/models/{NAME}/revision/main?blobs=true":
            return self.send(request, self.listing(), None, self.fault())
        if path.startswith("/api/models/"):
            return self.status(request, 404, {"X-Error-Code": "RepoNotFound"})
        prefix = f"/{NAME}/resolve/{COMMIT}/"
        name = path[len(prefix) :]
        if not path.startswith(prefix) or name not in self.files:
            return self.status(request, 404, {"X-Error-Code": "EntryNotFound"})
        if not self.is_large(name):
            return self.send(request, self.files[name], hashlib.md5(self.files[name]).hexdigest(), self.fault())
        self.status(request, 302, {"Location": f"{self.storage}/{name}?signature=x", "X-Repo-Commit": COMMIT})

    def serve_cdn(self, request):
        if "Authorization" in request.headers:
            self.leaks.append(request.path)
        name = request.path[1:].split("?")[0]
        self.send(request, self.files[name], hashlib.md5(self.files[name]).hexdigest(), self.fault())

    def status(self, request, code, headers=None):
        request.send_response(code)
        for k, v in (headers or {}).items():
            request.send_header(k, v)
        request.send_header("Content-Length", "0")
        request.end_headers()

    def send(self, request, data, etag, fault):
        if fault == "silence":
            request.close_connection = True
            return
        if fault == "429":
            return self.status(request, 429, {"Retry-After": "0.05"})
        if fault == "503":
            return self.status(request, 503)
        start, wanted = 0, request.headers.get("Range")
        if wanted and fault != "no range" and request.headers.get("If-Range", f'"{etag}"') == f'"{etag}"':
            start = int(wanted.removeprefix("bytes=").split("-")[0])
            if start >= len(data):
                return self.status(request, 416, {"Content-Range": f"bytes */{len(data)}"})
        body = data[start:]
        if fault == "wrong bytes" and body:
            body = bytes([body[0] ^ 1]) + body[1:]
        if fault == "wrong length":
            body += b"x"
        if fault == "wrong range" and start:
            body = body[:-1]
        request.send_response(206 if start else 200)
        if start:
            request.send_header(
                "Content-Range", f"bytes {start + (fault == 'wrong range')}-{len(data) - 1}/{len(data)}"
            )
        if etag:
            request.send_header("ETag", f'"{etag}"')
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        end = self.random.randrange(len(body)) if fault == "cut" and body else len(body)
        for i in range(0, end, 1 << 16):
            piece = body[i : min(i + (1 << 16), end)]
            request.wfile.write(piece)
            time.sleep(len(piece) / self.rate)
        if fault == "pause":
            time.sleep(0.3)
        if end < len(body):
            request.close_connection = True
            request.connection.shutdown(2)


def tree(folder):
    """The files below a folder with their contents' sums."""
    found = {}
    for base, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(base, name)
            with open(path, "rb") as f:
                found[os.path.relpath(path, folder)] = hashlib.sha256(f.read()).hexdigest()
    return found


def pull(a, home, hub):
    environment = {"HOME": home, "HF_ENDPOINT": hub.endpoint, "HF_TOKEN": TOKEN, "PATH": os.environ["PATH"]}
    return subprocess.Popen(
        [a.binary, "pull", NAME], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def run(a, hub, chance):
    """One model from nothing to complete, killed on the way; the files, and how often it was killed."""
    with tempfile.TemporaryDirectory() as home:
        kills = 0
        for attempt in range(100):
            process = pull(a, home, hub)
            # Often enough early and late, and not every time: the last attempts may go on to the end.
            deadline = chance.random() ** 2 * 3 if attempt < a.kills else None
            try:
                _, errors = process.communicate(timeout=deadline)
            except subprocess.TimeoutExpired:
                process.send_signal(chance.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGINT, signal.SIGTERM]))
                process.communicate()
                kills += 1
                # It may have ended by itself just before, or not yet begun to listen to signals.
                if process.returncode not in (-9, -2, -15, 130, 143, 0, 1, 3):
                    sys.exit(f"status {process.returncode} after a signal")
                models = f"{home}/.local/share/cartoonize/models/org"
                for name in os.listdir(models) if os.path.isdir(models) else []:
                    if not name.startswith(".") and not os.path.exists(f"{models}/{name}/SHA256SUMS"):
                        sys.exit(f"{name} looks complete and is not")
                if process.returncode != 0:
                    continue
                errors = ""
            if process.returncode == 0:
                break
            if process.returncode not in (1, 3):
                sys.exit(f"status {process.returncode}: {errors}")
        else:
            sys.exit(f"never complete: {errors}")
        files = tree(f"{home}/.local/share/cartoonize")
        subprocess.run(
            ["sha256sum", "--check", "--quiet", "SHA256SUMS"],
            cwd=f"{home}/.local/share/cartoonize/models/{NAME}",
            check=True,
        )
        return files, kills, attempt + 1


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--runs", type=int, default=200)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--kills", type=int, default=4, help="attempts of each run that may be killed")
    p.add_argument("--model", default=f"{ROOT}/Models/cartoonizer-mini")
    p.add_argument("--binary", default=f"{ROOT}/.build/release/cartoonize")
    a = p.parse_args()
    calm = Hub(a.model, a.seed, calm=True, rate=1e9)
    expected, _, _ = run(argparse.Namespace(**{**vars(a), "kills": 0}), calm, random.Random(0))
    hub, chance = Hub(a.model, a.seed), random.Random(a.seed)
    kills = attempts = 0
    start = time.time()
    for i in range(a.runs):
        files, killed, tried = run(a, hub, chance)
        if files != expected:
            sys.exit(f"run {i}: other files: {sorted(set(files.items()) ^ set(expected.items()))}")
        kills += killed
        attempts += tried
        if (i + 1) % 20 == 0:
            print(f"{i + 1} runs, {attempts} attempts, {kills} kills, {time.time() - start:.0f} s", flush=True)
    if hub.leaks or calm.leaks:
        sys.exit(f"the token went to the second host: {hub.leaks}")
    print(
        f"{a.runs} runs, {attempts} attempts, {kills} killed, {hub.requests} requests, faults {hub.faults}: "
        f"{len(expected)} identical, verified files each time; the token stayed with the hub"
    )


if __name__ == "__main__":
    main()
