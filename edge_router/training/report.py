"""Writes the report of a training run: tables as Markdown, confusion matrices as pictures, and all figures as JSON."""

import json
from pathlib import Path

from edge_router.training.picture import draw
from edge_router.training.train import Result


def write(result: Result, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    name = result.title.replace(" ", "-")
    (folder / f"{name}.json").write_text(json.dumps(as_json(result), indent=1) + "\n")
    (folder / f"{name}.md").write_text(as_markdown(result))
    for policy, measured in result.measured["int8"].items():
        draw(measured.agreement, folder / f"{name}-{policy}.png", f"{policy} on {result.title}")


def as_json(result: Result) -> dict[str, object]:
    return {
        "on": result.title,
        "examples": result.examples,
        "equal_decisions_fp32_int8": result.agreement,
        **{
            number_format: {
                policy: {
                    "n": measured.agreement.n,
                    "accuracy": measured.agreement.accuracy,
                    "macro_f1": measured.agreement.macro_f1,
                    "calibration_error": measured.calibration_error,
                    "score_separation": measured.separation,
                    "f1": measured.agreement.f1,
                }
                for policy, measured in policies.items()
            }
            for number_format, policies in result.measured.items()
        },
    }


def as_markdown(result: Result) -> str:
    lines = [
        f"# On {result.title}: {result.examples} prompts",
        "",
        "| policy | format | n | accuracy | macro-F1 | calibration error | score separation | decisions as fp32 |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for number_format, policies in result.measured.items():
        for policy, measured in policies.items():
            apart = "" if measured.separation is None else f"{measured.separation:.3f}"
            same = f"{result.agreement[policy]:.3f}" if number_format == "int8" else ""
            agreement = measured.agreement
            lines.append(
                f"| {policy} | {number_format} | {agreement.n} | {agreement.accuracy:.3f} | {agreement.macro_f1:.3f} "
                f"| {measured.calibration_error:.3f} | {apart} | {same} |"
            )
    for policy, measured in result.measured["int8"].items():
        lines += ["", f"## {policy}, int8", "", "| label | F1 |", "| --- | ---: |"]
        lines += [f"| {label} | {value:.3f} |" for label, value in measured.agreement.f1.items()]
    return "\n".join(lines) + "\n"
