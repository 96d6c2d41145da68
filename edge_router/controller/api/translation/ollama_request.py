"""Translates an Ollama request into an OpenAI request."""

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
"""OpenAI's field by Ollama's option. The other options tune Ollama's engine and are dropped."""
IMAGE_TYPES = {"/9j/": "image/jpeg", "iVBOR": "image/png", "R0lG": "image/gif", "UklG": "image/webp"}
"""Media type by the first characters of an image in base64."""


def chat_body(
    model: str, messages: list[dict[str, Any]], stream: bool, values: Mapping[str, Any], options: Mapping[str, Any]
) -> bytes:
    """Body of an OpenAI chat. `values`: the client's `tools`, `format` and `think`, or None."""
    body: dict[str, Any] = {"model": model, "messages": messages, "stream": stream}
    if stream:
        body["stream_options"] = {"include_usage": True}
    if values["tools"]:
        body["tools"] = values["tools"]
    if values["format"]:
        body["response_format"] = _response_format(values["format"])
    if isinstance(values["think"], str):
        body["reasoning_effort"] = values["think"]
    body |= {field: options[option] for option, field in OPTIONS.items() if options.get(option) is not None}
    if isinstance(limit := body.get("max_tokens"), int) and limit <= 0:
        del body["max_tokens"]
    return msgspec.json.encode(body)


def embeddings_body(model: str, texts: object, dimensions: object) -> bytes:
    body = {"model": model, "input": texts, "encoding_format": "float"}
    return msgspec.json.encode(body | ({"dimensions": dimensions} if dimensions else {}))


def openai_messages(messages: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """OpenAI needs the id of the call that a tool's result answers; Ollama gives the tool's name or nothing. Calls are
    numbered, and a result answers the first open call of its name."""
    translated: list[dict[str, Any]] = []
    open_calls: list[tuple[str, str]] = []
    """(id, name) of calls without a result."""
    for message in messages:
        entry: dict[str, Any] = {"role": message.get("role"), "content": _content(message)}
        if calls := _tool_calls(message.get("tool_calls"), len(translated)):
            entry["tool_calls"] = calls
            open_calls += [(call["id"], call["function"]["name"]) for call in calls]
        if message.get("role") == "tool":
            entry["tool_call_id"] = message.get("tool_call_id") or _answered_call(open_calls, message.get("tool_name"))
        translated.append(entry)
    return translated


def _content(message: Mapping[str, Any]) -> object:
    text = message.get("content") or ""
    images = message.get("images")
    if not isinstance(images, list) or not images:
        return text
    parts: list[dict[str, Any]] = [{"type": "text", "text": text}] if text else []
    return parts + [{"type": "image_url", "image_url": {"url": _data_uri(str(image))}} for image in images]


def _data_uri(image: str) -> str:
    media_type = next((media for prefix, media in IMAGE_TYPES.items() if image.startswith(prefix)), "image/png")
    return f"data:{media_type};base64,{image}"


def _tool_calls(calls: object, message_index: int) -> list[dict[str, Any]]:
    """OpenAI takes the arguments as a string."""
    if not isinstance(calls, list):
        return []
    functions = [(call, call.get("function")) for call in calls if isinstance(call, dict)]
    return [
        {
            "id": call.get("id") or f"call_{message_index}_{number}",
            "type": "function",
            "function": {
                "name": function.get("name") or "",
                "arguments": msgspec.json.encode(function.get("arguments") or {}).decode(),
            },
        }
        for number, (call, function) in enumerate(functions)
        if isinstance(function, dict)
    ]


def _answered_call(open_calls: list[tuple[str, str]], name: object) -> str:
    """The id of the call that a result answers. The call is removed from `open_calls`."""
    call = next((call for call in open_calls if call[1] == name), open_calls[0] if open_calls else None)
    if call is None:
        return "call"
    open_calls.remove(call)
    return call[0]


def _response_format(ollama_format: object) -> dict[str, Any]:
    if isinstance(ollama_format, dict):
        return {"type": "json_schema", "json_schema": {"name": "answer", "schema": ollama_format}}
    return {"type": "json_object"}
