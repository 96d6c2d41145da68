"""The names that processes share: services, ports, models, tensors, parameters, headers and the request field of the
old contract."""

from collections.abc import Iterable
from typing import Final

# Services of the compose stack and their ports.
ROUTER_SERVER_HTTP_PORT: Final = 8000
ROUTER_SERVER_GRPC_PORT: Final = 8001
ROUTER_SERVER_METRICS_PORT: Final = 8002
ROUTER_CONTROLLER_PORT: Final = 8084

# A policy is a `postprocessing_<policy>` of the repository with its ensemble; `repository.policies` finds them. Clients
# of the old contract know these two by name.
TASK_ROUTER: Final = "task_router"
COMPLEXITY_ROUTER: Final = "complexity_router"
POLICY_SUFFIX: Final = "_router"

PROMPT_ROUTER_ENSEMBLE: Final = "prompt_router_ensemble"
"""The decisions of every policy, from one pass of each network."""


def postprocessing(policy: str) -> str:
    return f"postprocessing_{policy}"


def ensemble(policy: str) -> str:
    return f"{policy}_ensemble"


MAX_BATCH_SIZE: Final = 8

# Tensors. Shapes are without the batch axis that Triton puts in front.
INPUT: Final = "INPUT"  # BYTES [1]: one prompt, UTF-8
INPUT_IDS: Final = "preprocessed_input_ids"  # INT64 [tokens]
ATTENTION_MASK: Final = "preprocessed_attention_mask"  # INT64 [tokens], 1 = token, 0 = padding
LOGITS: Final = "logits"  # FP32 [sum of the heads' sizes], heads side by side
OUTPUT: Final = "OUTPUT"  # FP32 [classes], one-hot
LABEL: Final = "LABEL"  # BYTES [1]
PROBABILITIES: Final = "PROBABILITIES"  # FP32 [classes], in OUTPUT's order
SCORE: Final = "SCORE"  # FP32 [1], 0..1


def short_name(policy: str) -> str:
    """`task` for `task_router`: the policy's name in labelled rows and in messages."""
    return policy.removesuffix(POLICY_SUFFIX)


def output_prefix(policy: str) -> str:
    """`TASK` for `task_router`. `prompt_router_ensemble` names the policy's OUTPUT by the prefix alone, the rest as
    PREFIX_LABEL, PREFIX_PROBABILITIES and, where the policy has one, PREFIX_SCORE."""
    return short_name(policy).upper()


def policies(outputs: Iterable[str]) -> list[str]:
    """The policies whose decisions are among the `outputs` of `prompt_router_ensemble`, in their order:
    PREFIX with PREFIX_LABEL and PREFIX_PROBABILITIES, in capitals."""
    names = list(outputs)
    return [
        f"{name.lower()}{POLICY_SUFFIX}"
        for name in names
        if name == name.upper() and f"{name}_{LABEL}" in names and f"{name}_{PROBABILITIES}" in names
    ]


# Files of a version folder.
TOKENIZER_FILE: Final = "tokenizer.json"
TEXT_FILE: Final = "text.json"  # {"max_tokens": ...}
SENTENCEPIECE_FILE: Final = "spm.model"  # instead of tokenizer.json
NETWORK_FILE: Final = "model.onnx"
DECISION_FILE: Final = "decision.json"
LABELS_FILE: Final = "labels.txt"  # one line a class, in the order of OUTPUT; Triton's `label_filename`
REPORT_FILE: Final = "report.json"  # beside the network: where the version comes from and what was measured

# Parameters of a model's config.pbtxt that the stages read.
STAGE_PARAMETER: Final = "STAGE"
ENGINE_PARAMETER: Final = "ENGINE"
THREADS_PARAMETER: Final = "THREADS"
PROVIDERS_PARAMETER: Final = "PROVIDERS"
PROVIDER_OPTIONS_PARAMETER: Final = "PROVIDER_OPTIONS"
NETWORK_PARAMETER: Final = "NETWORK"
TENSORRT_CACHE_PARAMETER: Final = "TENSORRT_CACHE"  # short for two of TensorRT's PROVIDER_OPTIONS
ROWS_PER_RUN_PARAMETER: Final = "ROWS_PER_RUN"
LENGTH_BUCKETS_PARAMETER: Final = "LENGTH_BUCKETS"
PAD_TO_TOKENS_PARAMETER: Final = "PAD_TO_TOKENS"
LAYER_PARAMETER: Final = "LAYER"

# The chat request of the old contract, and model names that stand for a decision.
ROUTER_FIELD: Final = "nim-llm-router"
STRATEGY_TRITON: Final = "triton"
STRATEGY_MANUAL: Final = "manual"
AUTO_MODEL: Final = "auto"

# Headers of requests and responses.
REQUEST_ID_HEADER: Final = "x-request-id"
CHOSEN_CLASSIFIER_HEADER: Final = "X-Chosen-Classifier"
DECISION_HEADER_PREFIX: Final = "x-edge-router-"
DATA_HEADER: Final = f"{DECISION_HEADER_PREFIX}data"  # of a request: which upstreams may receive it
LOCAL_ONLY: Final = "local-only"
