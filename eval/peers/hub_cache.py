"""One cache of the hub for Python and twindrop: what either downloads, the other uses offline.

    python hub_cache.py TWINDROP MODEL [PLACE]

TWINDROP is the program, MODEL a directory of all-MiniLM-L6-v2. A hub on this machine serves it as
`org/mini`, as huggingface.co does; nothing else is asked.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import unquote, urlsplit

import numpy as np

BOUND = 1e-5
NAME = "org/mini"
COMMIT = "0123456789abcdef0123456789abcdef01234567"

program, model = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
given = sys.argv[3] if len(sys.argv) > 3 else None
place = Path(given or tempfile.mkdtemp(prefix="twindrop-hub-cache-")).resolve()
place.mkdir(parents=True, exist_ok=True)
texts = ["A man sleeps.", "Two dogs run home.", "The old river waits for rain!", "Nobody."] * 3
(place / "texts.txt").write_text("\n".join(texts) + "\n")
failures = []


class File:
    """A file of the repository. The hub knows a large one by its SHA-256, a small one as git does."""

    def __init__(self, path):
        self.data = path.read_bytes()
        self.git = hashlib.sha1(b"blob %d\0" % len(self.data) + self.data).hexdigest()
        self.large = path.suffix == ".safetensors"
        self.tag = hashlib.sha256(self.data).hexdigest() if self.large else self.git

    def listed(self, name):
        entry = {"type": "file", "path": name, "size": len(self.data), "oid": self.git}
        if self.large:
            entry["lfs"] = {"oid": self.tag, "size": len(self.data), "pointerSize": 130}
        return entry


files = {str(path.relative_to(model)): File(path) for path in sorted(model.rglob("*")) if path.is_file()}
sent = []  # files, each time more than the first byte of one was sent


class Hub(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        path = unquote(urlsplit(self.path).path)
        api = f"/api/models/{NAME}"
        if path in (api, f"{api}/revision/main", f"{api}/revision/{COMMIT}"):
            siblings = [{"rfilename": name} for name in files]
            return self.json({"id": NAME, "modelId": NAME, "sha": COMMIT, "private": False, "siblings": siblings})
        if path in (f"{api}/tree/main", f"{api}/tree/{COMMIT}"):
            return self.json([file.listed(name) for name, file in files.items()])
        for revision in ("main", COMMIT):
            resolve, store = f"/{NAME}/resolve/{revision}/", f"/store/{NAME}/{COMMIT}/"
            if path.startswith(resolve) and path.removeprefix(resolve) in files:
                return self.redirect(path.removeprefix(resolve), store)
            if path.startswith(store) and path.removeprefix(store) in files:
                return self.send(path.removeprefix(store))
        known = path.startswith((api, f"/{NAME}/"))
        self.send_response(404)
        self.send_header("X-Error-Code", "EntryNotFound" if known else "RepoNotFound")
        if known:
            self.send_header("X-Repo-Commit", COMMIT)
        self.finish_with(b"")

    do_HEAD = do_GET  # without the body

    def json(self, value):
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.finish_with(body)

    def redirect(self, name, store):
        """Small files move within the hub, large ones to a store with a host name."""
        file = files[name]
        self.send_response(302 if file.large else 307)
        self.about(file)
        self.send_header("X-Linked-Size", str(len(file.data)))
        self.send_header("X-Linked-ETag", f'"{file.tag}"')
        self.send_header("Location", (endpoint if file.large else "") + store + name)
        self.finish_with(b"")

    def send(self, name):
        file = files[name]
        first, last = 0, len(file.data) - 1
        ranged = self.headers.get("Range")
        if ranged:
            start, _, end = ranged.removeprefix("bytes=").partition("-")
            first, last = int(start), min(int(end or last), last)
        body = file.data[first : last + 1]
        self.send_response(206 if ranged else 200)
        self.about(file)
        if ranged:
            self.send_header("Content-Range", f"bytes {first}-{last}/{len(file.data)}")
        if self.command == "GET" and len(body) > 1:
            sent.append(name)
        self.finish_with(body)

    def about(self, file):
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("ETag", f'"{file.tag}"')
        self.send_header("Accept-Ranges", "bytes")

    def finish_with(self, body):
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    def handle_error(self, *_):
        pass  # a client that hangs up


server = Server(("127.0.0.1", 0), Hub)
endpoint = f"http://127.0.0.1:{server.server_port}"
Thread(target=server.serve_forever, daemon=True).start()


def environment(home, offline):
    """The caller's, without what would lead elsewhere."""
    own = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("HF_", "HUGGINGFACE_", "TRANSFORMERS_")) and not name.lower().endswith("_proxy")
    }
    own |= {"HF_HOME": str(place / home), "HF_ENDPOINT": endpoint, "HF_HUB_DISABLE_TELEMETRY": "1"}
    return own | ({"HF_HUB_OFFLINE": "1"} if offline else {})


def run(command, home, offline):
    done = subprocess.run(command, env=environment(home, offline), capture_output=True, text=True, cwd=place)
    if done.returncode:
        lines = (done.stderr.strip() or "no word").splitlines()
        check(f"{' '.join(map(str, command))[:120]} (HF_HOME {home}): {lines[-1]}", False)
    return done.stdout


def ours(of, home, offline=True):
    """The bytes that twindrop writes."""
    out = place / "ours.npy"
    out.unlink(missing_ok=True)
    run([program, "embed", "--model", of, "--input", "texts.txt", "--output", out], home, offline)
    return out.read_bytes() if out.exists() else None


def python(code, home, offline=True):
    return run([sys.executable, "-c", code], home, offline)


def check(what, holds):
    """Failures are said once more at the end."""
    print(f"{'ok' if holds else 'FAILED':8}{what}", flush=True)
    if not holds:
        failures.append(what)


def cache(home):
    """Everything under the model's folder, links with where they lead, files with their SHA-256."""
    folder = place / home / "hub" / f"models--{NAME.replace('/', '--')}"
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_symlink():
            found[str(path.relative_to(folder))] = "-> " + os.readlink(path)
        elif path.is_file():
            found[str(path.relative_to(folder))] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def compared(home):
    """What both must agree on: not locks, nor notes of what the repository holds and lacks."""
    aside = ("trees/", ".no_exist/")
    return {
        name: value
        for name, value in cache(home).items()
        if not name.endswith(".lock") and not name.startswith(aside)
    }


SNAPSHOT = f"from huggingface_hub import snapshot_download as get; print(get('{NAME}'))"
ENCODE = f"""
import json, numpy
from sentence_transformers import SentenceTransformer
texts = open("texts.txt").read().splitlines()
numpy.save("theirs.npy", SentenceTransformer("{NAME}", device="cpu").encode(texts))
"""

expected = ours(model, "none")
if expected is None:
    sys.exit("twindrop does not read MODEL")

# while the hub answers
python(SNAPSHOT, "python", offline=False)
check("huggingface_hub downloads the repository", set(sent) == set(files))
ours(NAME, "python", offline=False)
check("twindrop online sends for nothing that huggingface_hub has", len(sent) == len(files))
sent.clear()
check("twindrop downloads, and embeds as from the directory", ours(NAME, "twindrop", offline=False) == expected)
fetched = sorted(set(sent))
print(f"        it took {', '.join(fetched)}")
check("twindrop downloads nothing twice", len(fetched) == len(sent))
shutil.copytree(place / "twindrop", place / "both", symlinks=True)
sent.clear()
python(SNAPSHOT, "both", offline=False)
check("huggingface_hub sends only for what twindrop left out", set(sent) == set(files) - set(fetched))
python(ENCODE, "encoded", offline=False)

# and when it does not
server.shutdown()
server.server_close()
for offline in (True, False):
    how = "HF_HUB_OFFLINE" if offline else "no hub answers"
    check(f"twindrop from huggingface_hub's cache, {how}: the same bytes", ours(NAME, "python", offline) == expected)
    check(f"twindrop from sentence-transformers' cache, {how}: the same bytes", ours(NAME, "encoded", offline) == expected)
found = python(
    "from huggingface_hub import hf_hub_download as get\n"
    f"for name in {fetched!r}: print(get({NAME!r}, name, local_files_only=True))",
    "twindrop",
).split()
check("huggingface_hub finds each file of twindrop's cache",
      [Path(path).read_bytes() for path in found] == [files[name].data for name in fetched])
(place / "theirs.npy").unlink(missing_ok=True)
python(ENCODE, "twindrop")
if (place / "theirs.npy").exists():
    apart = abs(np.load(place / "theirs.npy") - np.load(place / "ours.npy")).max()
    check(f"sentence-transformers from twindrop's cache: {apart:.1e} apart", apart <= BOUND)

# layout
theirs, mine = compared("python"), compared("twindrop")
for name in sorted(mine.keys() | theirs.keys()):
    if name in mine and mine[name] != theirs.get(name):
        print(f"        {name}: {mine[name]} of twindrop, {theirs.get(name)} of huggingface_hub")
check("each file of twindrop's cache is in huggingface_hub's, with the same bytes or link", mine.items() <= theirs.items())
left = {name.split("/", 2)[2] for name in theirs.keys() - mine.keys() if name.startswith("snapshots/")}
check("what it has less is what twindrop did not ask for", left == set(files) - set(fetched))
check("completed by huggingface_hub it is the same cache", compared("both") == theirs)
for home in ("python", "twindrop"):
    more = sorted(cache(home).keys() - compared(home).keys())
    print(f"        only {home}'s, harmless: {', '.join(more) or 'nothing'}")

for what in failures:
    print(f"not as it should be: {what}", file=sys.stderr)
if given is None:
    shutil.rmtree(place)
sys.exit(bool(failures))
