"""Extracts the text to classify from a conversation: the user's own words, without additions of client programs."""

import re
from collections.abc import Sequence

from edge_router.controller.api.message import Message

ADDED_TAGS = (
    "additional_data", "attached_files", "attachments", "command-message", "command-name", "context", "editorContext",
    "environment_context", "environment_details", "environment_info", "local-command-caveat", "local-command-stdout",
    "open_and_recently_viewed_files", "reminderInstructions", "repoContext", "system-reminder", "system_reminder",
    "user_info", "user_instructions", "workspace_info",
)  # fmt: skip
"""Tags around additions of coding assistants and chat UIs: files, editor state, the time, documents."""
QUESTION_TAGS = ("user_query", "userRequest", "user_request")
"""Tags around the user's own words."""
RETRIEVAL_PROMPTS = ("### Task:\nRespond to the user query using the provided context",)
"""First words of the instructions that a chat UI puts before retrieved documents. They end with the documents."""
BACKGROUND_TASKS = (
    r"### Task:\s*Generate a concise",
    r"### Task:\s*Generate \S+ broad tags",
    r"### Task:\s*Generate a detailed prompt for a\w* image generation",
    r"### Task:\s*Suggest \S+ relevant follow-up questions",
    r"### Task:\s*Analyze the chat history to",
    r"### Task:\s*You are an autocompletion system",
    r"Your task is to reflect the speaker's likely facial expression",
    r"Provide a concise, 5-word-or-less title",
    r"Analyze this conversation and provide:\s*1\. The detected language",
    r"Please generate a concise title (?:\([^)]{0,40}\) )?for (?:a|the|this) conversation",
)
"""First words of a chat UI's background tasks: a title, tags, follow-up questions, a search query, autocompletion."""

_TAG = re.compile(rf"<(/?)({'|'.join(map(re.escape, ADDED_TAGS))})(?:\s[^<>]{{0,200}})?>")
_QUESTION = re.compile(rf"<({'|'.join(QUESTION_TAGS)})>")
_BACKGROUND_TASK = re.compile("|".join(BACKGROUND_TASKS))
_DOCUMENTS_END = "</context>"


def classified_text(messages: Sequence[Message], *, earlier_turns: int, head_chars: int, tail_chars: int) -> str:
    """The last message of the user that has text, and up to `earlier_turns` user messages before it. If there is none,
    the last text of any role. A text longer than `head_chars` + `tail_chars` is cut in the middle."""
    texts: list[str] = []
    for message in reversed(messages):
        if message.role == "user" and (text := own_words(message.text)):
            texts.append(text)
            if len(texts) > earlier_turns:
                break
    text = "\n\n".join(reversed(texts)) or _last_text(messages)
    return text if len(text) <= head_chars + tail_chars else f"{text[:head_chars]}\n{text[-tail_chars:]}"


def is_background_task(messages: Sequence[Message]) -> bool:
    """True if the request is a chat UI's own, for a title or tags."""
    last = _last_text([message for message in messages if message.role == "user"])
    return _BACKGROUND_TASK.match(last.lstrip()) is not None


def own_words(text: str) -> str:
    """`text` without additions of client programs; empty if it has nothing else."""
    if text.startswith(RETRIEVAL_PROMPTS):
        text = text.rpartition(_DOCUMENTS_END)[2].strip() or text
    if "<" in text:
        text = _without_additions(_question(text))
    return text if text.strip() else ""


def _question(text: str) -> str:
    """The text inside the first question tag, or all of it."""
    opening = _QUESTION.search(text)
    end = text.rfind(f"</{opening[1]}>") if opening else -1
    return text[opening.end() : end].strip() if opening and end > opening.end() else text


def _without_additions(text: str) -> str:
    """Removes the tags and all between them, in one pass even if many tags are never closed."""
    opened: dict[str, int] = {}
    additions: list[tuple[int, int]] = []
    for tag in _TAG.finditer(text):
        closing, name = tag.groups()
        if not closing:
            opened[name] = tag.start()
        elif name in opened:
            additions.append((opened.pop(name), tag.end()))
    if not additions:
        return text
    kept, at = [], 0
    for start, end in sorted(additions):
        kept.append(text[at:start])  # empty for a tag inside another
        at = max(at, end)
    return "".join([*kept, text[at:]]).strip()


def _last_text(messages: Sequence[Message]) -> str:
    return next((message.text for message in reversed(messages) if message.text), "")
