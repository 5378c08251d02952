"""Ask Lighthouse about every page of the built site, on a desk and on a phone.

``make lighthouse`` runs this. It needs Chromium or Chrome, as the tests in a browser
do, and npx, which comes with Node.js. Pages are served from this machine, compressed as
any host of pages compresses them.
"""

import gzip
import json
import os
import shutil
import subprocess
import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread

from chromium import SITE, executable

LIGHTHOUSE = "lighthouse@12.8.2"
LEAST = {
    "desktop": {"performance": 95, "accessibility": 100, "best-practices": 100},
    "phone": {"performance": 90, "accessibility": 100, "best-practices": 100},
}
OPTIONS = {"desktop": ["--preset=desktop"], "phone": []}  # a slow phone by default
TEXT = ("text/", "application/javascript", "application/json", "image/svg")


class Compressed(SimpleHTTPRequestHandler):
    """Serves files, those of text compressed."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = Path(self.translate_path(self.path))
        if not path.is_file():
            return self.send_error(404)
        body, kind = path.read_bytes(), self.guess_type(path)
        self.send_response(200)
        if kind.startswith(TEXT):
            body = gzip.compress(body)
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "max-age=600")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Say nothing: a page is a hundred requests."""


def scores(url: str, browser: str, seen_on: str) -> dict[str, int]:
    """Return what Lighthouse gives a page, from 0 to 100, by category.

    Parameters
    ----------
    url, browser : str
    seen_on : {"desktop", "phone"}

    Raises
    ------
    subprocess.CalledProcessError
        If Lighthouse could not open the page.
    """
    with TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        subprocess.run(
            [
                *("npx", "--yes", LIGHTHOUSE, url, "--quiet", *OPTIONS[seen_on]),
                *("--output=json", f"--output-path={report}"),
                f"--only-categories={','.join(LEAST[seen_on])}",
                "--chrome-flags=--headless=new --no-sandbox --disable-gpu",
            ],
            env=os.environ | {"CHROME_PATH": browser},
            check=True,
        )
        found = json.loads(report.read_text("utf-8"))["categories"]
    return {name: round(100 * found[name]["score"]) for name in LEAST[seen_on]}


def main(names: list[str]) -> int:
    """Measure the pages named, or all; return the exit status."""
    browser = executable()
    if browser is None or shutil.which("npx") is None:
        print("Lighthouse needs Chromium or Chrome, and npx", file=sys.stderr)
        return 2
    # index.html only sends on to the first page.
    built = sorted(path.stem for path in SITE.glob("*.html") if path.stem != "index")
    names = names or built
    serve = partial(Compressed, directory=str(SITE))
    server = ThreadingHTTPServer(("127.0.0.1", 0), serve)
    Thread(target=server.serve_forever, daemon=True).start()
    low = set()
    for seen_on, least in LEAST.items():
        for name in names:
            url = f"http://127.0.0.1:{server.server_port}/{name}.html"
            given = scores(url, browser, seen_on)
            missed = any(given[of] < wanted for of, wanted in least.items())
            low |= {name} if missed else set()
            line = ", ".join(f"{of} {score}" for of, score in given.items())
            mark = "  <- too low" if missed else ""
            print(f"{name}, {seen_on}: {line}{mark}", flush=True)
    good = len(names) - len(low)
    print(f"{good} of {len(names)} pages are as good as they should be")
    return int(bool(low))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
