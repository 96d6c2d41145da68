"""ONNX Runtime, kept from reporting its use.

Since 1.32 its builds for Linux send telemetry to their maker unless this is set before the import.
Nothing of this package imports `onnxruntime` in another way.
"""

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime

__all__ = ["onnxruntime"]
