"""A hub on loopback with the two endpoints that a checkpoint is downloaded from."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

NAME = "somebody/checkpoint"
REVISION = "v1"
COMMIT = "c0ffee" + "0" * 34


@dataclass
class Hub:
    """A hub with one checkpoint. `files`: contents by name; `large`: names of files in large file storage. `lies`:
    wrong digests to publish, by name. `cut`: bytes after which a response ends early, by name; later requests fail.
    `asked`: path and Range header of every request."""

    files: Mapping[str, bytes]
    large: frozenset[str]
    url: str = ""
    lies: dict[str, str] = field(default_factory=dict)
    cut: dict[str, int] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)

    def listing(self) -> dict[str, Any]:
        return {"id": NAME, "sha": COMMIT, "siblings": [self._published(name) for name in self.files]}

    def _published(self, name: str) -> dict[str, Any]:
        content = self.files[name]
        small = hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()
        found: dict[str, Any] = {"rfilename": name, "size": len(content), "blobId": self.lies.get(name, small)}
        if name in self.large:
            sha256 = self.lies.get(name, hashlib.sha256(content).hexdigest())
            found["lfs"] = {"size": len(content), "sha256": sha256, "pointerSize": 100}
        return found


@contextmanager
def serving(hub: Hub) -> Iterator[Hub]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Logs nothing."""

        def do_GET(self) -> None:
            path, wanted = self.path.partition("?")[0], self.headers.get("Range", "")
            hub.asked.append((path, wanted))
            if path == f"/api/models/{NAME}/revision/{REVISION}":
                self._send(200, json.dumps(hub.listing()).encode())
            elif (name := path.removeprefix(f"/{NAME}/resolve/{COMMIT}/")) in hub.files:
                self._file(name, int(wanted.removeprefix("bytes=").rstrip("-") or 0))
            else:
                self._send(404, b"{}")

        def _file(self, name: str, start: int) -> None:
            end = hub.cut.get(name)
            if end is not None and start >= end:
                self._send(503, b"")
            else:
                self._send(206 if start else 200, hub.files[name][start:], end and end - start)

        def _send(self, status: int, body: bytes, end: int | None = None) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[:end])

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
