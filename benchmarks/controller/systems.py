"""The systems under test: relays, each in its own process before the same upstream."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from benchmarks.controller.traffic import MODEL

ROOT = Path(__file__).parents[2]
NOWHERE = "http://127.0.0.1:9"
"""An address without a listener."""
END_SECONDS = 10
OUTPUT_FILE = "output"


@dataclass(frozen=True)
class System:
    """How to start a relay. `files` are written into a scratch folder; `{folder}` in command and environment stands for
    that folder."""

    command: Sequence[str]
    environment: Mapping[str, str]
    files: Mapping[str, str]
    checkout: Path = ROOT
    """Working folder of the process; Python imports packages from there first."""


def bare_relay(port: int, upstream: int) -> System:
    command = [sys.executable, "-m", "benchmarks.controller.bare_relay", str(port), f"http://127.0.0.1:{upstream}"]
    return System(command, {}, {})


def edge_router(port: int, upstream: int, checkout: Path = ROOT) -> System:
    """The controller without a classifier: the client names the model, so no classification is needed."""
    routes = {
        "upstreams": {MODEL: {"url": f"http://127.0.0.1:{upstream}/v1", "model": MODEL}},
        "default": MODEL,
        "policies": {"task_router": {}},
    }
    environment = {
        "EDGE_ROUTER_ROUTES": "{folder}/routes.yaml",
        "EDGE_ROUTER_PORT": str(port),
        "EDGE_ROUTER_CLASSIFIER_URL": NOWHERE,
    }
    files = {"routes.yaml": yaml.safe_dump(routes)}
    return System([sys.executable, "-m", "edge_router.controller"], environment, files, checkout)


def litellm(venv: Path, port: int, upstream: int) -> System:
    """LiteLLM's proxy with the price and model lists of its package; a proxy without a listener blocks downloads."""
    parameters = {"model": f"openai/{MODEL}", "api_base": f"http://127.0.0.1:{upstream}/v1", "api_key": "none"}
    config = {
        "model_list": [{"model_name": MODEL, "litellm_params": parameters}],
        "general_settings": {"dangerously_permit_weak_or_unset_master_key": True},  # no keys, as elsewhere
    }
    local = ("MODEL_COST_MAP", "ANTHROPIC_BETA_HEADERS", "AUTOROUTER_PRESETS", "BLOG_POSTS", "POLICY_TEMPLATES")
    environment = {f"LITELLM_LOCAL_{name}": "True" for name in local}
    environment |= {"LITELLM_LOG": "ERROR", "LITELLM_MODE": "PRODUCTION", "DO_NOT_TRACK": "1"}
    environment |= {"HTTP_PROXY": NOWHERE, "HTTPS_PROXY": NOWHERE, "NO_PROXY": "127.0.0.1"}
    command = [str(venv / "bin" / "litellm"), "--config", "{folder}/config.yaml", "--host", "127.0.0.1"]
    return System([*command, "--port", str(port)], environment, {"config.yaml": yaml.safe_dump(config)})


def switchyard(port: int, upstream: int) -> System:
    routes = f"""
schema_version = 1
[llm_clients.here]
format = "openai_chat"
base_url = "http://127.0.0.1:{upstream}/v1"
[targets.target]
id = "{MODEL}"
llm_client = "here"
[routes.route]
id = "{MODEL}"
type = "passthrough"
target = "target"
"""
    command = ["switchyard-server", "--config", "{folder}/routes.toml", "--host", "127.0.0.1", "--port", str(port)]
    return System(command, {}, {"routes.toml": routes})


def has_switchyard() -> bool:
    return shutil.which("switchyard-server") is not None


@contextlib.contextmanager
def running(system: System, folder: Path, cores: set[int]) -> Iterator[subprocess.Popen[bytes]]:
    """Runs the system on `cores` only. `folder` receives its files and its output."""
    for name, content in system.files.items():
        (folder / name).write_text(content)
    environment = {name: value.format(folder=folder) for name, value in system.environment.items()}
    command = [part.format(folder=folder) for part in system.command]
    with (folder / OUTPUT_FILE).open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=system.checkout,
            env=os.environ | environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    os.sched_setaffinity(process.pid, cores)
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(END_SECONDS)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def resident(process: subprocess.Popen[bytes]) -> float:
    """Resident memory of the process and its children in megabytes."""
    return sum(int(fields[21]) for fields in _stats(process)) * os.sysconf("SC_PAGE_SIZE") / 2**20


def core_seconds(process: subprocess.Popen[bytes]) -> float:
    """CPU time of the process and its children in seconds; other programs change it little."""
    return sum(int(fields[11]) + int(fields[12]) for fields in _stats(process)) / os.sysconf("SC_CLK_TCK")


def _stats(process: subprocess.Popen[bytes]) -> Iterator[list[str]]:
    """The fields of /proc/PID/stat, from field 3 (proc(5)), of each process in the session of `process`."""
    for each in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = each.read_text().rpartition(")")[2].split()
            if int(fields[3]) == process.pid:
                yield fields
