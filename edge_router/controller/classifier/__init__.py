"""Classification of prompts: by a router-server, by the network in this process, or from earlier decisions.

`local` is not re-exported: it imports the pipeline, which the controller's own image does not hold.
"""

from edge_router.controller.classifier.chain import ClassifierChain
from edge_router.controller.classifier.classification import (
    Classification,
    Classifier,
    ClassifierFault,
    DecisionSource,
    InProcessClassifier,
    Labels,
    PromptClassifier,
)
from edge_router.controller.classifier.decision import Decision, Decisions
from edge_router.controller.classifier.ensemble import ensemble_decisions, ensemble_request, read_decisions
from edge_router.controller.classifier.remote import RemoteClassifier

__all__ = [
    "Classification",
    "Classifier",
    "ClassifierChain",
    "ClassifierFault",
    "Decision",
    "DecisionSource",
    "Decisions",
    "InProcessClassifier",
    "Labels",
    "PromptClassifier",
    "RemoteClassifier",
    "ensemble_decisions",
    "ensemble_request",
    "read_decisions",
]
