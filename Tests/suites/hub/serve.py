"""Serve a model as the hub does, and photos, until standard input ends; prints the two addresses.

python3 Tests/suites/hub/serve.py [MODEL FOLDER]
"""

import http.server
import sys

from stress import ROOT, Hub, start_server


class Photos(http.server.BaseHTTPRequestHandler):
    """`/NAME.jpg` is a sample photo of that name, `/moved` leads to one, `/down` to another scheme, `/page.jpg` is
    none."""

    def do_GET(self):
        path = self.path.split("?")[0]
        if path == "/down":
            return self.answer(302, b"", Location="http://127.0.0.1:1/cat.jpg")
        if path == "/moved":
            return self.answer(302, b"", Location="cat.jpg")
        if path == "/page.jpg":
            return self.answer(200, b"<html><body>Come in</body></html>", Content_Type="text/html")
        try:
            with open(f"{ROOT}/Tests/suites/smoke/photos/{path.split('/')[-1]}", "rb") as f:
                self.answer(200, f.read())
        except OSError:
            self.answer(404, b"")

    def answer(self, status, body, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


def main():
    hub = Hub(sys.argv[1] if len(sys.argv) > 1 else f"{ROOT}/Models/cartoonizer-mini", 1, calm=True, rate=1e9)
    print(hub.endpoint, f"http://127.0.0.1:{start_server(Photos).server_port}", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
