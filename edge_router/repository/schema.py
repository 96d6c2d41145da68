"""Triton's own schema of config.pbtxt, generated code that tritonclient carries.

Read from its file: the package around it loads gRPC's core, 20 MB that a process which only reads configurations would
hold for nothing.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tritonclient.grpc.model_config_pb2 import DataType, ModelConfig, ModelEnsembling, ModelInput, ModelOutput
else:
    from importlib.util import find_spec, module_from_spec, spec_from_file_location
    from pathlib import Path

    package = Path(find_spec("tritonclient").origin).parent
    spec = spec_from_file_location("model_config_pb2", package / "grpc" / "model_config_pb2.py")
    generated = module_from_spec(spec)
    spec.loader.exec_module(generated)
    DataType, ModelConfig, ModelEnsembling = generated.DataType, generated.ModelConfig, generated.ModelEnsembling
    ModelInput, ModelOutput = generated.ModelInput, generated.ModelOutput

__all__ = ["DataType", "ModelConfig", "ModelEnsembling", "ModelInput", "ModelOutput"]
