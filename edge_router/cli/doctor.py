"""`edge-router doctor`: checks this machine."""

from dataclasses import asdict

import typer
from rich.console import Console
from rich.table import Column, Table

from edge_router.cli.options import JsonOption, print_json
from edge_router.doctor import Finding, Level, Machine, run_checks

MARKS = {
    Level.OK: "[green]ok[/green]",
    Level.NOTE: "[cyan]note[/cyan]",
    Level.WARNING: "[yellow]warning[/yellow]",
    Level.PROBLEM: "[red]problem[/red]",
}


def doctor(json: JsonOption = False) -> None:
    """Check this machine: board, Docker, memory, disk, ports, GPU. Exits with 1 if a check finds a problem."""
    findings = run_checks(Machine())
    if json:
        print_json([asdict(finding) for finding in findings])
    else:
        Console().print(_table(findings))
    if any(finding.level is Level.PROBLEM for finding in findings):
        raise typer.Exit(1)


def _table(findings: list[Finding]) -> Table:
    table = Table(Column(no_wrap=True), Column(no_wrap=True), Column(overflow="fold"), box=None, show_header=False)
    for finding in findings:
        remedy = f"\n[bold]->[/bold] {finding.remedy}" if finding.remedy else ""
        table.add_row(MARKS[finding.level], finding.name, finding.found + remedy)
    return table
