"""Imports ONNX Runtime with its telemetry off.

Since 1.32 its Linux builds send telemetry to their vendor unless this variable is set before the import. Every module
of this package imports `onnxruntime` from here.
"""

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime

__all__ = ["onnxruntime"]
