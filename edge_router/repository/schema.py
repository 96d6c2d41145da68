"""Triton's schema of config.pbtxt: protobuf classes that tritonclient carries."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tritonclient.grpc.model_config_pb2 import (
        DataType,
        ModelConfig,
        ModelEnsembling,
        ModelInput,
        ModelInstanceGroup,
        ModelOutput,
    )
else:
    from edge_router.v2.generated import generated_module

    schema = generated_module("model_config_pb2")
    DataType, ModelConfig, ModelEnsembling = schema.DataType, schema.ModelConfig, schema.ModelEnsembling
    ModelInput, ModelInstanceGroup, ModelOutput = schema.ModelInput, schema.ModelInstanceGroup, schema.ModelOutput

__all__ = ["DataType", "ModelConfig", "ModelEnsembling", "ModelInput", "ModelInstanceGroup", "ModelOutput"]
