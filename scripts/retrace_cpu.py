#!/usr/bin/env python3
"""scripts/retrace_cpu.py CHECKPOINT [--out model.pt] [--device cpu|cuda]   runs `edge-router models retrace`."""

import sys

from edge_router.cli import main

sys.argv[1:1] = ["models", "retrace"]
main()
