"""Imports tritonclient's generated protobuf modules without the client.

The client would load gRPC's core and more: 20 MB of memory that a process which only reads configurations does not
need.
"""

import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

PACKAGE = "tritonclient.grpc"


def generated_module(module: str) -> Any:
    """Imports `module` of the package `tritonclient.grpc`."""
    if PACKAGE in sys.modules:
        return import_module(f"{PACKAGE}.{module}")
    sys.modules[PACKAGE] = _bare_package()
    try:
        return import_module(f"{PACKAGE}.{module}")
    finally:  # a later import of the client itself must load the real package
        for name in [name for name in sys.modules if name == PACKAGE or name.startswith(f"{PACKAGE}.")]:
            del sys.modules[name]


def _bare_package() -> ModuleType:
    spec = find_spec("tritonclient")
    if spec is None or spec.origin is None:
        raise ImportError("tritonclient is not installed")
    package = ModuleType(PACKAGE)
    package.__path__ = [str(Path(spec.origin).parent / "grpc")]
    return package
