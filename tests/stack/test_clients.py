"""Common clients through the stack to a real LLM server: llama.cpp's, which does not offer Ollama's API."""

from collections.abc import Iterator
from typing import Any

import anthropic
import ollama
import openai
import pytest
from anthropic import Anthropic
from openai import OpenAI

from tests.stack.conftest import Stack

MODEL = "tiny-llama"
SAID: Any = [{"role": "user", "content": "hi there, how are you today?"}]


@pytest.fixture
def by_openai(stack: Stack) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{stack.controller}/v1", api_key="unused", max_retries=0) as client:
        yield client


@pytest.fixture
def by_anthropic(stack: Stack) -> Iterator[Anthropic]:
    with Anthropic(base_url=stack.controller, api_key="unused", max_retries=0) as client:
        yield client


@pytest.fixture
def by_ollama(stack: Stack) -> Iterator[ollama.Client]:
    with ollama.Client(host=stack.controller) as client:
        yield client


def test_openai_lists_the_models(by_openai: OpenAI) -> None:
    names = [model.id for model in by_openai.models.list()]
    assert {"auto", "task_router", "complexity_router", MODEL} <= set(names)
    assert by_openai.models.retrieve(MODEL).id == MODEL


def test_openai_streams_a_chat_and_counts_its_tokens(by_openai: OpenAI) -> None:
    events = list(
        by_openai.chat.completions.create(
            model=MODEL, messages=SAID, max_tokens=8, stream=True, stream_options={"include_usage": True}
        )
    )
    assert events[-1].usage is not None
    assert events[-1].usage.completion_tokens > 0
    assert [choice.finish_reason for event in events for choice in event.choices][-1] in ("length", "stop")


def test_openai_completes_a_text(by_openai: OpenAI) -> None:
    answer = by_openai.completions.create(model=MODEL, prompt="Once upon", max_tokens=4)
    assert answer.choices[0].finish_reason in ("length", "stop")


def test_openai_embeds(by_openai: OpenAI) -> None:
    found = by_openai.embeddings.create(model=MODEL, input=["a heron", "a stork"])
    assert [len(each.embedding) > 8 for each in found.data] == [True, True]


def test_openai_creates_a_response(by_openai: OpenAI) -> None:
    answer = by_openai.responses.create(model=MODEL, input="hi there", max_output_tokens=8)
    assert answer.status in ("completed", "incomplete")
    with by_openai.responses.create(model=MODEL, input="hi there", max_output_tokens=8, stream=True) as events:
        kinds = [event.type for event in events]
    assert (kinds[0], kinds[-1]) == ("response.created", "response.completed")


def test_anthropic_is_answered_whole_and_streamed(by_anthropic: Anthropic) -> None:
    whole = by_anthropic.messages.create(model=MODEL, messages=SAID, max_tokens=8)
    assert (whole.role, whole.usage.output_tokens > 0) == ("assistant", True)
    # Event by event: one in ten of this server's streams lacks its first, which the client's own collecting needs.
    with by_anthropic.messages.create(model=MODEL, messages=SAID, max_tokens=8, stream=True) as events:
        assert [event.type for event in events][-1] == "message_stop"
    assert by_anthropic.messages.count_tokens(model=MODEL, messages=SAID).input_tokens > 0


def test_an_error_names_the_upstreams_that_offer_the_api(by_anthropic: Anthropic) -> None:
    with pytest.raises(anthropic.BadRequestError) as refused:
        by_anthropic.messages.create(model="echo-small", messages=SAID, max_tokens=8)
    assert "llama" in str(refused.value)


def test_ollama_is_answered_by_a_server_with_the_openai_api(by_ollama: ollama.Client) -> None:
    assert MODEL in [str(model.model).removesuffix(":latest") for model in by_ollama.list().models]
    options = {"num_predict": 8}
    pieces = list(by_ollama.chat(model=MODEL, messages=SAID, options=options, stream=True))
    assert [piece.done for piece in pieces] == [False] * (len(pieces) - 1) + [True]
    assert pieces[-1].eval_count
    assert by_ollama.chat(model=MODEL, messages=SAID, options=options).done
    assert by_ollama.generate(model=MODEL, prompt="Once upon", options=options).done
    assert len(by_ollama.embed(model=MODEL, input=["a heron", "a stork"]).embeddings) == 2


def test_ollama_may_not_change_models(by_ollama: ollama.Client) -> None:
    with pytest.raises(ollama.ResponseError) as refused:
        by_ollama.pull(MODEL)
    assert refused.value.status_code == 403


def test_auto_routes_for_every_client(by_openai: OpenAI, by_ollama: ollama.Client) -> None:
    raw = by_openai.chat.completions.with_raw_response.create(model="auto", messages=SAID, max_tokens=8)
    assert raw.headers["x-edge-router-label"] == "Chatbot"
    assert by_ollama.chat(model="auto", messages=SAID, options={"num_predict": 8}).model == "echo-small"


def test_an_unknown_model_is_not_found(by_openai: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as refused:
        by_openai.chat.completions.create(model="gpt-9", messages=SAID)
    assert refused.value.code == "model_not_found"
