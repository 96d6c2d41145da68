"""A fake pipeline whose results a test chooses."""

import threading
from typing import cast

import numpy as np

from edge_router.contract import COMPLEXITY_ROUTER, INPUT, TASK_ROUTER
from edge_router.controller.classifier.local import LocalClassifier
from edge_router.pipeline import Pipeline
from edge_router.tensors import Tensors, text_tensor

LABELS = {TASK_ROUTER: ["Chatbot", "Code"], COMPLEXITY_ROUTER: ["Reasoning", "Creativity"]}


class Network:
    """A fake network. `failure`: raised by every run; `answering`: runs wait until it is set."""

    def __init__(self) -> None:
        self.failure: Exception | None = None
        self.score = 0.25
        self.answering = threading.Event()
        self.answering.set()
        self.begun = threading.Event()
        self.asked: list[bytes] = []

    def policy_labels(self) -> dict[str, list[str]]:
        return LABELS

    def infer(self, model: str, request: Tensors) -> Tensors:
        self.asked.append(request[INPUT].item())
        self.begun.set()
        self.answering.wait(10)
        if self.failure:
            raise self.failure
        return {
            "TASK_LABEL": text_tensor([b"Code"]),
            "TASK_PROBABILITIES": np.array([[0.25, 0.75]], np.float32),
            "COMPLEXITY_LABEL": text_tensor([b"Reasoning"]),
            "COMPLEXITY_PROBABILITIES": np.array([[0.75, 0.25]], np.float32),
            "COMPLEXITY_SCORE": np.array([[self.score]], np.float32),
        }

    def classifier(self) -> LocalClassifier:
        return LocalClassifier(cast(Pipeline, self))
