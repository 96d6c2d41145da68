"""A checkpoint becomes networks that a device runs: written node by node, quantised, measured against the original.

Only the extra `export` brings what this room needs; nothing that serves imports it.
"""

import os

os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"  # read when huggingface_hub is imported, by transformers too
