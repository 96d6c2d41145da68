"""TritonPythonModel, as far as it can be tested without Triton."""

import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

from edge_router.contract import TASK_ROUTER
from edge_router.errors import RepositoryError
from edge_router.settings import model_repository


def test_a_gpu_instance_whose_network_runs_on_the_cpu_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "triton_python_backend_utils", ModuleType("triton_python_backend_utils"))
    from edge_router.triton import TritonPythonModel

    config = {"parameters": {"STAGE": {"string_value": "classify"}}, "input": []}
    arguments = {
        "model_config": json.dumps(config),
        "model_name": TASK_ROUTER,
        "model_repository": str(Path(model_repository(), TASK_ROUTER)),
        "model_version": "1",
        "model_instance_kind": "GPU",
    }
    with pytest.raises(RepositoryError, match="task_router: instance_group says KIND_GPU"):
        TritonPythonModel().initialize(arguments)
    TritonPythonModel().initialize(arguments | {"model_instance_kind": "CPU"})
