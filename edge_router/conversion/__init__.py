"""Converts a checkpoint into networks for a device: writes ONNX graphs, quantises them, measures them against the
original.

This package needs the extra `export`. Nothing that serves imports it.
"""

import os

os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"  # read when huggingface_hub is imported, by transformers too
