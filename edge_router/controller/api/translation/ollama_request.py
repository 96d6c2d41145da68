"""A request of Ollama's said in OpenAI's words."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

OPTIONS = {
    "temperature": "temperature",
    "top_p": "top_p",
    "seed": "seed",
    "stop": "stop",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
    "num_predict": "max_tokens",
}
"""The others tune Ollama's own engine."""
IMAGE_TYPES = {"/9j/": "image/jpeg", "iVBOR": "image/png", "R0lG": "image/gif", "UklG": "image/webp"}
"""How each begins in base64."""


def chat(
    model: str, messages: list[dict[str, Any]], stream: bool, values: Mapping[str, Any], options: Mapping[str, Any]
) -> bytes:
    """`values` holds `tools`, `format` and `think`, as far as the client gave them."""
    body: dict[str, Any] = {"model": model, "messages": messages, "stream": stream}
    if stream:
        body["stream_options"] = {"include_usage": True}
    if values["tools"]:
        body["tools"] = values["tools"]
    if values["format"]:
        body["response_format"] = _form(values["format"])
    if isinstance(values["think"], str):
        body["reasoning_effort"] = values["think"]
    body |= {theirs: options[ours] for ours, theirs in OPTIONS.items() if options.get(ours) is not None}
    if isinstance(limit := body.get("max_tokens"), int) and limit <= 0:
        del body["max_tokens"]
    return msgspec.json.encode(body)


def embeddings(model: str, texts: object, dimensions: object) -> bytes:
    body = {"model": model, "input": texts, "encoding_format": "float"}
    return msgspec.json.encode(body | ({"dimensions": dimensions} if dimensions else {}))


def messages(turns: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Ollama tells a tool's result by the tool's name or not at all, OpenAI by the call's id: calls are numbered, and a
    result belongs to the first call of its name that has none."""
    said: list[dict[str, Any]] = []
    waiting: list[tuple[str, str]] = []
    """(id, name) of calls without a result."""
    for turn in turns:
        message: dict[str, Any] = {"role": turn.get("role"), "content": _content(turn)}
        if calls := _calls(turn.get("tool_calls"), len(said)):
            message["tool_calls"] = calls
            waiting += [(call["id"], call["function"]["name"]) for call in calls]
        if turn.get("role") == "tool":
            message["tool_call_id"] = turn.get("tool_call_id") or _answered(waiting, turn.get("tool_name"))
        said.append(message)
    return said


def _content(turn: Mapping[str, Any]) -> object:
    text = turn.get("content") or ""
    images = turn.get("images")
    if not isinstance(images, list) or not images:
        return text
    parts: list[dict[str, Any]] = [{"type": "text", "text": text}] if text else []
    return parts + [{"type": "image_url", "image_url": {"url": _data_uri(str(image))}} for image in images]


def _data_uri(image: str) -> str:
    kind = next((kind for begin, kind in IMAGE_TYPES.items() if image.startswith(begin)), "image/png")
    return f"data:{kind};base64,{image}"


def _calls(calls: object, at: int) -> list[dict[str, Any]]:
    """OpenAI takes arguments as a text."""
    if not isinstance(calls, list):
        return []
    functions = [(call, call.get("function")) for call in calls if isinstance(call, dict)]
    return [
        {
            "id": call.get("id") or f"call_{at}_{number}",
            "type": "function",
            "function": {
                "name": function.get("name") or "",
                "arguments": msgspec.json.encode(function.get("arguments") or {}).decode(),
            },
        }
        for number, (call, function) in enumerate(functions)
        if isinstance(function, dict)
    ]


def _answered(waiting: list[tuple[str, str]], name: object) -> str:
    call = next((call for call in waiting if call[1] == name), waiting[0] if waiting else None)
    if call is None:
        return "call"
    waiting.remove(call)
    return call[0]


def _form(form: object) -> dict[str, Any]:
    if isinstance(form, dict):
        return {"type": "json_schema", "json_schema": {"name": "answer", "schema": form}}
    return {"type": "json_object"}
