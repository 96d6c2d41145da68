"""An OpenAI-compatible upstream that answers with the request it got, as JSON text. Standard library only."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Echo(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self._answer({"status": "ok"})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        seen = json.dumps({"body": body, "headers": {name.lower(): value for name, value in self.headers.items()}})
        message = {"role": "assistant", "content": seen}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        usage = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
        head = {"id": "chatcmpl-echo", "object": "chat.completion", "created": 0, "model": body["model"]}
        self._answer(head | {"choices": [choice], "usage": usage})

    def _answer(self, content: dict[str, object]) -> None:
        data = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing: prompts stay out of logs."""


if __name__ == "__main__":
    ThreadingHTTPServer(("0.0.0.0", 9000), Echo).serve_forever()
