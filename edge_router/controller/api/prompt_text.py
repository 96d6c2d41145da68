"""What of a conversation is classified: what its user asks, without what a program put around it."""

import re
from collections.abc import Sequence

from edge_router.controller.api.messages import Message
from edge_router.controller.config import TextConfig

SURROUNDINGS = (
    "additional_data", "attached_files", "attachments", "command-message", "command-name", "context", "editorContext",
    "environment_context", "environment_details", "environment_info", "local-command-caveat", "local-command-stdout",
    "open_and_recently_viewed_files", "reminderInstructions", "repoContext", "system-reminder", "system_reminder",
    "user_info", "user_instructions", "workspace_info",
)  # fmt: skip
"""Tags in which coding assistants and chat UIs tell a model of files, editors, the time and documents they found."""
QUESTION = ("user_query", "userRequest", "user_request")
"""Tags in which they put what their user said."""
RETRIEVAL = ("### Task:\nRespond to the user query using the provided context",)
"""Beginnings of the instructions that stand before documents found for a question, up to the documents' end."""
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
"""Beginnings of what chat UIs ask on their own: a title, tags, questions to go on with, a search query, the rest of a
sentence."""

_TAG = re.compile(rf"<(/?)({'|'.join(map(re.escape, SURROUNDINGS))})(?:\s[^<>]{{0,200}})?>")
_QUESTION = re.compile(rf"<({'|'.join(QUESTION)})>")
_BACKGROUND_TASK = re.compile("|".join(BACKGROUND_TASKS))
_RETRIEVED = "</context>"


def prompt(turns: Sequence[Message], section: TextConfig) -> str:
    """The last user turn that says something, and as many before it as `section` wants; else the last text of any
    role."""
    said: list[str] = []
    for turn in reversed(turns):
        if turn.role == "user" and (text := own_words(turn.text)):
            said.append(text)
            if len(said) > section.earlier_turns:
                break
    return _ends("\n\n".join(reversed(said)) or _last(turns), section)


def is_background_task(turns: Sequence[Message]) -> bool:
    """Whether a chat UI asks for itself."""
    return _BACKGROUND_TASK.match(_last([turn for turn in turns if turn.role == "user"]).lstrip()) is not None


def own_words(text: str) -> str:
    """`text` without what programs add to it; empty where that is all there is. A text to which nothing was added is
    returned as it is."""
    if text.startswith(RETRIEVAL):
        text = text.rpartition(_RETRIEVED)[2].strip() or text
    if "<" in text:
        text = _without_surroundings(_question(text))
    return text if text.strip() else ""


def _question(text: str) -> str:
    opening = _QUESTION.search(text)
    end = text.rfind(f"</{opening[1]}>") if opening else -1
    return text[opening.end() : end].strip() if opening and end > opening.end() else text


def _without_surroundings(text: str) -> str:
    """In one pass, however many tags are opened and never closed."""
    opened: dict[str, int] = {}
    surroundings: list[tuple[int, int]] = []
    for tag in _TAG.finditer(text):
        closing, name = tag.groups()
        if not closing:
            opened[name] = tag.start()
        elif name in opened:
            surroundings.append((opened.pop(name), tag.end()))
    if not surroundings:
        return text
    kept, at = [], 0
    for start, end in sorted(surroundings):
        kept.append(text[at:start])  # nothing, inside of another
        at = max(at, end)
    return "".join([*kept, text[at:]]).strip()


def _last(turns: Sequence[Message]) -> str:
    return next((turn.text for turn in reversed(turns) if turn.text), "")


def _ends(text: str, section: TextConfig) -> str:
    if len(text) <= section.head_chars + section.tail_chars:
        return text
    return f"{text[: section.head_chars]}\n{text[-section.tail_chars :]}"
