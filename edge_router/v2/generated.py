"""The protobuf code that tritonclient carries, without the client around it.

The client would load gRPC's core and more, 20 MB that a process which only reads configurations would hold for nothing.
"""

import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

PACKAGE = "tritonclient.grpc"


def generated(module: str) -> Any:
    """`module` of the package `tritonclient.grpc`."""
    if PACKAGE in sys.modules:
        return import_module(f"{PACKAGE}.{module}")
    sys.modules[PACKAGE] = _bare_package()
    try:
        return import_module(f"{PACKAGE}.{module}")
    finally:  # whoever wants the client itself finds it as if nothing had been
        for name in [name for name in sys.modules if name == PACKAGE or name.startswith(f"{PACKAGE}.")]:
            del sys.modules[name]


def _bare_package() -> ModuleType:
    found = find_spec("tritonclient")
    if found is None or found.origin is None:
        raise ImportError("tritonclient is not installed")
    package = ModuleType(PACKAGE)
    package.__path__ = [str(Path(found.origin).parent / "grpc")]
    return package
