"""The names in the documents: every header, metric, setting, operation and message there is one of the code's."""

import ast
import re
from collections.abc import Iterator
from dataclasses import fields
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import BaseModel
from structlog.testing import capture_logs

from edge_router.controller import settings as controller
from edge_router.controller.api import KINDS, PATHS, Operation
from edge_router.controller.classifier.decision import Decision
from edge_router.controller.config import Conditions, RouterConfig, UpstreamConfig
from edge_router.controller.routing.plan import Plan
from edge_router.controller.telemetry import RequestRecord
from edge_router.controller.telemetry.metrics import Metrics
from edge_router.controller.telemetry.telemetry import Telemetry
from edge_router.controller.upstream.breaker import BreakerState
from edge_router.controller.upstream.endpoint import UpstreamState
from edge_router.server import settings as light_server
from tests.docs.markdown import ROOT, Document, Row

CODE = re.compile(r"`([^`]+)`")


def page(name: str) -> str:
    return (ROOT / "docs" / f"{name}.md").read_text()


CONFIGURE, CLIENTS, OPERATE, REFERENCE, LIGHT_SERVER = map(
    page, ("configure", "clients", "operate", "reference", "light-server")
)


def section(text: str, heading: str) -> str:
    """The text below a heading, up to the next of its level."""
    level = f"\n{'#' * heading.count('#')} "
    _, _, below = text.partition(f"\n{heading}\n")
    assert below, heading
    return below.partition(level)[0]


def rows(text: str) -> list[Row]:
    """The rows of all tables, without their heads."""
    return [row for table in Document(ROOT, text).tables for row in table[2:]]


def names(text: str, column: int = 0) -> list[str]:
    return [name for row in rows(text) for name in CODE.findall(row[column])]


def full_record() -> RequestRecord:
    """A record with a value in each field."""
    record = RequestRecord("id", Operation.CHAT, status=200, fallback="small is down", attempts=2)
    for field in fields(RequestRecord):
        if getattr(record, field.name) is None:
            setattr(record, field.name, 1)
    return record


def test_the_table_of_metrics_is_what_prometheus_reads() -> None:
    state = UpstreamState(True, BreakerState.CLOSED, 0, 0)
    replica = SimpleNamespace(name="server", up=True, running=0, failures=0)
    chain: Any = SimpleNamespace(replicas=[replica], cache=SimpleNamespace(hits=1, misses=1))
    metrics = Metrics(lambda: {"small": state}, lambda: chain)
    metrics.observe(full_record())
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(metrics.exposition("text/plain")[0].decode()):
        for sample in family.samples:
            name = re.sub("_(bucket|sum|count)$", "", sample.name) if family.type == "histogram" else sample.name
            found.setdefault(name, set()).update(sample.labels.keys() - {"le"})
    ours = {name: labels for name, labels in found.items() if name.startswith("edge_router_")}
    text = section(OPERATE, "## Metrics")
    documented = {
        name: {label.strip() for label in row[1].split(",")} for row in rows(text) for name in CODE.findall(row[0])
    }
    assert documented == ours
    others = {name for name in found.keys() - ours.keys() if not name.startswith("process_")}
    assert others <= set(CODE.findall(text))


def test_the_table_of_the_log_has_each_field_of_the_line() -> None:
    with capture_logs() as lines:
        Telemetry(dict).report(full_record())
    fields_, _ = Document(ROOT, section(OPERATE, "## Log")).tables
    assert {name for row in fields_ for name in CODE.findall(row[0])} == lines[0].keys() - {"event", "log_level"}


def events() -> Iterator[str]:
    """The events that the controller writes into its log."""
    for file in (ROOT / "edge_router" / "controller").rglob("*.py"):
        for call in ast.walk(ast.parse(file.read_text())):
            match call:
                case ast.Call(
                    ast.Attribute(attr="debug" | "info" | "warning" | "error"), [ast.Constant(str(event)), *_]
                ):
                    yield event


def test_the_table_of_events_has_each_event() -> None:
    _, table = Document(ROOT, section(OPERATE, "## Log")).tables
    assert {name for row in table[2:] for name in CODE.findall(row[0])} == {*events()} - {"request"}


def test_the_table_of_reply_headers_has_each_header() -> None:
    decision = Decision("a", {"a": 1.0}, 0.5)
    plan: Any = dict.fromkeys(Plan.__dataclass_fields__, "x") | {"decision": decision, "classified_in": 1.0}
    headers = {
        *Plan(**plan).headers("small", "model"),
        "x-edge-router-attempts",
        "x-edge-router-fallback",
        "x-request-id",
    }
    assert set(names(section(REFERENCE, "## Reply headers").partition("\n| source |")[0])) == headers


@pytest.mark.parametrize(
    ("table", "settings", "elsewhere"),
    [
        (section(REFERENCE, "## Settings").partition("\n| variable of others |")[0], controller.Settings, 0),
        (section(LIGHT_SERVER, "## Settings"), light_server.ServerSettings, 1),
    ],
    ids=["controller", "light server"],
)
def test_the_tables_of_settings_have_each_variable_and_its_default(
    table: str, settings: type[BaseModel], elsewhere: int
) -> None:
    documented: dict[str, str] = {}
    for row in rows(table):
        variables, defaults = CODE.findall(row[elsewhere]), row[elsewhere + 1].split(", ")
        documented |= dict(zip(variables, defaults, strict=True))
    documented.pop("EDGE_ROUTER_MODEL_REPOSITORY", None)
    assert documented.keys() == {f"EDGE_ROUTER_{name.upper()}" for name in settings.model_fields}
    for name, field in settings.model_fields.items():
        shown = documented[f"EDGE_ROUTER_{name.upper()}"]
        default = "none" if field.default in (None, ()) else str(field.default).lower()
        assert shown == default or (default == "none" and shown.startswith("`")), name


def test_the_tables_of_endpoints_have_each_path_and_operation() -> None:
    table = section(CLIENTS, "## Endpoints")
    paths = {name.removeprefix("POST ") for name in names(table)}
    assert {path for path in PATHS if path.startswith(("/v1", "/api"))} <= paths
    operations, speaks = Document(ROOT, table).tables
    assert {name for row in operations for name in CODE.findall(row[2])} == {operation.value for operation in Operation}
    kinds = {row[0].strip("`"): CODE.findall(row[1]) for row in speaks[2:]}
    assert {kind: sorted(speaks) for kind, speaks in kinds.items()} == {
        kind: sorted(KINDS[kind].speaks) for kind in KINDS
    }


def test_the_tables_of_routes_yaml_have_each_key() -> None:
    assert set(names(section(CONFIGURE, "## Upstreams"))) == set(UpstreamConfig.model_fields)
    conditions = {name.partition(":")[0] for name in names(section(CONFIGURE, "## Rules"))}
    assert conditions == set(Conditions.model_fields)
    for key in RouterConfig.model_fields:
        assert re.search(rf"[`\n]{key}\b", CONFIGURE), key


def test_the_labels_are_those_of_the_repository() -> None:
    for row in rows(section(CONFIGURE, "## Policies")):
        policy = row[0].strip("`")
        labels = ROOT / "model_repository" / f"postprocessing_{policy}" / "1" / "labels.txt"
        assert row[1].split(", ") == labels.read_text().splitlines()


def test_the_map_of_the_controller_has_each_module() -> None:
    """Packages are indented, and so are the modules in them."""
    text = section((ROOT / "CONTRIBUTING.md").read_text(), "## Map of the controller")
    found: set[str] = set()
    folders = [""]
    for indent, name in re.findall(r"^((?:  )+)([\w.]+/?)  ", text, re.MULTILINE):
        depth = len(indent) // 2
        folders[depth:] = [folders[depth - 1] + name]
        if not name.endswith("/"):
            found.add(folders[depth])
    controller = ROOT / "edge_router" / "controller"
    modules = {str(file.relative_to(controller)) for file in controller.rglob("*.py")}
    assert found == {module for module in modules if not module.endswith("__init__.py")}


def spoken() -> Iterator[str]:
    """Every text in the package and in the scripts."""
    for file in sorted((ROOT / "edge_router").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value
    yield from (script.read_text() for script in (ROOT / "scripts").iterdir() if script.suffix == "")


FOREIGN = ("not found, try pulling it first", "command not found", "Permission denied", "is not a docker command")
"""Parts of messages that other programs write."""


def test_the_messages_to_troubleshoot_are_messages_of_the_code() -> None:
    said = "\n".join(spoken())
    quoted = {name for name in names(page("troubleshoot")) if " " in name and not any(part in name for part in FOREIGN)}
    parts = {part.strip() for message in quoted for part in message.split("...")}
    assert len(quoted) > 20
    assert sorted(part for part in parts if part not in said) == []
