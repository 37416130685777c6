"""Pull a model, and get a photo, over https from hosts with a certificate authority of their own, directly and by a
proxy.

    swift build -c release --product cartoonize
    python3 Tests/suites/hub/tls.py [--model FOLDER] [--binary .build/release/cartoonize]

Needs the openssl program and nothing else but Python. Hub, second host, photo server and proxy are this script. Through
the proxy hosts have names that only the proxy knows.
"""

import argparse
import http.server
import os
import select
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile

from serve import Photos
from stress import NAME, ROOT, TOKEN, Hub, start_server, tree

NAMES = ["localhost", "hub.test", "cdn.test"]


def certificates(folder):
    """An authority and a server's certificate of it, and one that has expired."""

    def openssl(*words):
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)

    openssl(
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-keyout",
        "ca.key",
        "-out",
        "ca.pem",
        "-days",
        "2",
        "-subj",
        "/CN=Test authority",
    )
    openssl(
        "req", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "request.pem", "-subj", "/CN=localhost"
    )
    with open(f"{folder}/names", "w") as f:
        f.write("subjectAltName=IP:127.0.0.1," + ",".join(f"DNS:{name}" for name in NAMES))
    sign = [
        "x509",
        "-req",
        "-in",
        "request.pem",
        "-CA",
        "ca.pem",
        "-CAkey",
        "ca.key",
        "-CAcreateserial",
        "-extfile",
        "names",
    ]
    openssl(*sign, "-out", "good.pem", "-days", "2")
    openssl(*sign, "-out", "expired.pem", "-days", "0")
    os.mkdir(f"{folder}/folder")
    shutil.copy(f"{folder}/ca.pem", f"{folder}/folder/")
    openssl("rehash", "folder")


def server_context(folder, name):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{folder}/{name}.pem", f"{folder}/key.pem")
    return context


class Proxy(http.server.BaseHTTPRequestHandler):
    """Tunnels to this machine, whatever the host is called; keeps the names."""

    names = []

    def do_CONNECT(self):
        name, port = self.path.rsplit(":", 1)
        self.names.append(name)
        other = socket.create_connection(("127.0.0.1", int(port)))
        self.send_response(200)
        self.end_headers()
        ends = [self.connection, other]
        while True:
            for end in select.select(ends, [], [])[0]:
                data = end.recv(1 << 16)
                if not data:
                    return
                ends[1 - ends.index(end)].sendall(data)

    def log_message(self, *args):
        pass


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--model", default=f"{ROOT}/Models/cartoonizer-mini")
    p.add_argument("--binary", default=f"{ROOT}/.build/release/cartoonize")
    a = p.parse_args()
    work = tempfile.mkdtemp()
    certificates(work)
    good, expired = server_context(work, "good"), server_context(work, "expired")
    trust = {"CURL_CA_BUNDLE": f"{work}/ca.pem"}
    count = 0

    def check(what, words, environment, status=0, said=""):
        """Runs the program in a folder of its own, which it returns."""
        nonlocal count
        home = tempfile.mkdtemp(dir=work)
        clean = {"HOME": home, "PATH": os.environ["PATH"], "HF_TOKEN": TOKEN}
        result = subprocess.run([a.binary, *words], env=clean | environment, cwd=home, capture_output=True, text=True)
        if result.returncode != status or said not in result.stderr:
            sys.exit(f"FAILED: {what}: status {result.returncode}\n{result.stderr}")
        if status and tree(home):
            sys.exit(f"FAILED: {what}: it left {sorted(tree(home))}")
        count += 1
        print(f"{what}: {result.stderr.splitlines()[-1] if status else 'as it must be'}", flush=True)
        return home

    def pulled(home):
        return tree(f"{home}/.local/share/cartoonize/models")

    plain = Hub(a.model, 1, calm=True, rate=1e9)
    expected = pulled(check("pull over http", ["pull", NAME], {"HF_ENDPOINT": plain.endpoint}))
    hub = Hub(a.model, 1, calm=True, rate=1e9, tls=good)
    endpoint = {"HF_ENDPOINT": hub.endpoint}
    check("pull from an unknown authority", ["pull", NAME], endpoint, 1, "cannot be trusted")
    for variable, value in [("CURL_CA_BUNDLE", "ca.pem"), ("SSL_CERT_FILE", "ca.pem"), ("SSL_CERT_DIR", "folder")]:
        home = check(f"pull by {variable}", ["pull", NAME], endpoint | {variable: f"{work}/{value}"})
        if pulled(home) != expected:
            sys.exit("FAILED: other files over https")

    # By names that nobody knows but the proxy.
    far = Hub(a.model, 1, calm=True, rate=1e9, tls=good, hosts=("hub.test", "cdn.test"))
    proxy = f"http://127.0.0.1:{start_server(Proxy).server_port}"
    endpoint = {"HF_ENDPOINT": far.endpoint} | trust
    home = check("pull through a proxy", ["pull", NAME], endpoint | {"https_proxy": proxy})
    if pulled(home) != expected or set(Proxy.names) != {"hub.test", "cdn.test"}:
        sys.exit("FAILED: the proxy was not used")
    old = Hub(a.model, 1, calm=True, rate=1e9, tls=expired)
    check(
        "pull with an expired certificate",
        ["pull", NAME],
        {"HF_ENDPOINT": old.endpoint} | trust,
        1,
        "cannot be trusted",
    )
    for h in (plain, hub, far, old):
        if h.leaks:
            sys.exit(f"FAILED: the token went to the second host: {h.leaks}")
    if not (hub.requests and far.requests):
        sys.exit("FAILED: nothing was asked for")

    port = start_server(Photos, good, "0.0.0.0").server_port
    quick = ["-o", "out.png", "--size", "64x64", "--steps", "1", "--seed", "1", "--quiet"]
    with open(f"{ROOT}/Tests/suites/smoke/photos/cat.jpg", "rb") as f:
        photo = f.read()
    direct = tempfile.mkdtemp(dir=work)
    with open(f"{direct}/cat.jpg", "wb") as f:
        f.write(photo)
    subprocess.run([a.binary, "cat.jpg", *quick], cwd=direct, check=True, capture_output=True)
    expected = tree(direct)["out.png"]
    check("photo from an unknown authority", [f"https://localhost:{port}/cat.jpg", *quick], {}, 4, "cannot be trusted")
    check(
        "photo from a host of another name",
        [f"https://127.0.0.2:{port}/cat.jpg", *quick],
        trust,
        4,
        "cannot be trusted",
    )
    check("photo that moves to http", [f"https://localhost:{port}/down", *quick], trust, 4, "which is not followed")
    check("photo by a name that is not known", [f"https://hub.test:{port}/cat.jpg", *quick], trust, 4, "is not known")
    for what, address, more in [
        ("photo", f"https://localhost:{port}/cat.jpg", {}),
        ("photo that moves", f"https://localhost:{port}/moved", {}),
        ("photo through a proxy", f"https://hub.test:{port}/cat.jpg", {"HTTPS_PROXY": proxy}),
    ]:
        if tree(check(what, [address, *quick], trust | more))["out.png"] != expected:
            sys.exit(f"FAILED: {what}: another picture")
    shutil.rmtree(work)
    print(f"{count} runs as they must be; the token stayed with the hub")


if __name__ == "__main__":
    main()
