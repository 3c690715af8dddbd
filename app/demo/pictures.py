"""How does what happened look on a terminal of 80 to 100 columns, or in a log? One function a thing, from its JSON."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

BAR = 46
LEADERS = 8
SHORT_ID = 16


def show_profile(run: dict[str, Any]) -> RenderableType:
    """What the data is, and which columns give the target away."""
    found = run["outcome"]
    data, columns = found["data"], found["profile"]["columns"]
    missing = [f"{column['name']} {column['missing']}" for column in columns if column["missing"]]
    suspects = [
        f"{' + '.join(suspect['columns'])} {suspect['reason']}"
        + (" (excluded by request)" if suspect["excluded"] else " [red](not excluded!)[/red]")
        for suspect in found["profile"]["leakage_suspects"]
    ]
    kinds = [f"{column['name']} ({column['distinct']})" for column in columns]
    return _facts(
        {
            "data": f"{data['path']}, {data['rows']:,} rows, {data['columns']} columns",
            "columns": f"{', '.join(kinds)}  [dim](distinct values)",
            "missing": ", ".join(missing) or "nothing",
            "leakage suspects": "\n".join(suspects) or "none",
            "rows": f"{found['rows']['train']:,} to learn from, the last {found['rows']['holdout']:,} held out",
        }
    )


def show_leaderboard(run: dict[str, Any]) -> RenderableType:
    """The best trials and the winner's parameters; the mark is for those that were the best when they ended."""
    found = run["outcome"]
    trials = sorted(found["trials"], key=lambda trial: float(trial["validation_loss"]))
    table = _table("trial", "learner", "validation RMSE", "behind", "seconds", "improved", right=(0, 2, 3, 4))
    for place, trial in enumerate(trials[:LEADERS]):
        behind = trial["validation_loss"] / trials[0]["validation_loss"] - 1
        row = [str(trial["trial"]), trial["learner"], f"{trial['validation_loss']:.2f}"]
        row += [f"{behind:.1%}" if place else "", f"{trial['seconds']:.2f}", "▲" if trial["improvement"] else ""]
        table.add_row(*row, style="bold green" if place == 0 else None)
    parameters = ", ".join(f"{name} {_short(value)}" for name, value in found["best"]["parameters"].items())
    winner = _facts({"winner": f"[bold]{found['best']['learner']}[/bold], {parameters}"})
    return Group(Text(f"The best of {found['trial_count']} trials", style="bold"), table, Text(), winner)


def show_metrics(run: dict[str, Any]) -> RenderableType:
    """The registered model and the baseline on rows that no search has seen."""
    found = run["outcome"]
    model, baseline = found["metrics"], found["baseline"]["metrics"]
    table = _table("on the held-out rows", "RMSE", "MAE", "R²", right=(1, 2, 3))
    table.add_row(f"{run['model']} version {run['version']}", *_figures(model), style="bold green")
    table.add_row("linear baseline", *_figures(baseline))
    table.add_row("ratio", f"{model['rmse'] / baseline['rmse']:.2f}", f"{model['mae'] / baseline['mae']:.2f}", "")
    return Group(table, Text(), Text(f"Baseline: {found['baseline']['description']}.", style="dim"))


def show_version(run: dict[str, Any]) -> RenderableType:
    """The registered version and its signature."""
    signature = run["outcome"]["signature"]
    inputs, outputs = ([f"{one['name']}: {one['type']}" for one in signature[side]] for side in ("inputs", "outputs"))
    return _facts(
        {
            "registered": f"[bold]{run['model']}[/bold] version [bold]{run['version']}[/bold] in {run['workspace']}",
            "takes": ", ".join(inputs),
            "gives": ", ".join(outputs),
            "needs": ", ".join(run["outcome"]["requirements"]),
        }
    )


def show_publication(publication: dict[str, Any]) -> RenderableType:
    """The vetted copy, its proof, and who sees it."""
    published = publication["published"]
    table = _table("recipient", "workspace", "sharing identifier")
    for recipient in publication["recipients"]:
        table.add_row(recipient["name"], recipient["workspace"] or "a partner's", recipient["sharing_identifier"])
    facts = _facts(
        {
            "share": publication["share"],
            "vetted copy": f"[bold]{published['model']}[/bold] version [bold]{published['version']}",
            "seen as": publication["shared_as"],
            "digest": f"{publication['digest']} [dim]({len(publication['files'])} files)",
        }
    )
    return Group(facts, Text(), table)


def show_acceptance(acceptance: dict[str, Any]) -> RenderableType:
    """The catalog made from the share, and the versions that it shows."""
    provider = acceptance["provider"]
    visible = [
        f"{model['model']} " + ", ".join(f"version {one['version']} {one['state']}" for one in model["versions"])
        for model in acceptance["models"]
    ]
    return _facts(
        {
            "provider": f"{provider['name']} [dim](found by {provider['sharing_identifier']})",
            "catalog": f"[bold]{acceptance['catalog']}[/bold] in {acceptance['workspace']}, read-only",
            "visible": "\n".join(visible),
            "may use it": f"the project's runner {acceptance['runner']}",
        }
    )


def show_demand(rows: Sequence[dict[str, Any]], predicted: Sequence[float], true: Sequence[float]) -> RenderableType:
    """Predictions as bars, true demand as a mark on the same scale, an hour a line."""
    scale = BAR / max(*predicted, *true)
    table = _table("hour", "■ predicted   ● true", "predicted", "true", right=(0, 2, 3))
    for row, guess, truth in zip(rows, predicted, true, strict=True):
        table.add_row(f"{row['hr']:.0f}", _bar(guess * scale, truth * scale), f"{guess:.1f}", f"{truth:.0f}")
    return table


def show_deployment(deployment: dict[str, Any], endpoint: dict[str, Any]) -> RenderableType:
    """The endpoint as it is now, and the digest that ties it to what was published."""
    table = _table("serves version", "as", "traffic", "size", "state", right=(0, 2))
    for entity in endpoint["served_entities"]:
        row = [entity["version"], entity["name"], f"{entity['traffic']} %", entity["workload_size"]]
        table.add_row(*row, entity["state"].removeprefix("DEPLOYMENT_"))
    facts = {
        "endpoint": f"[bold]{endpoint['name']}[/bold] in {endpoint['workspace']}, {deployment['state']}",
        "model": f"{deployment['model']} version {deployment['version']}",
    }
    return Group(_facts({**facts, "digest": deployment["outcome"]["digest"]}), Text(), table)


def show_lineage(lineage: dict[str, Any]) -> RenderableType:
    """The graph as a tree from the data on; what several things lead to is drawn below the first of them."""
    nodes = {node["id"]: node for node in lineage["nodes"]}
    reached = {edge["to_id"] for edge in lineage["edges"]}
    drawn: set[str] = set()
    roots = [
        _draw(Tree(_name(node)), node, lineage["edges"], nodes, drawn)
        for node in nodes.values()
        if node["id"] not in reached
    ]
    return Group(*roots)


def show_comparison(asked: Sequence[float], served: Sequence[float], tolerance: float) -> tuple[RenderableType, bool]:
    """The two answers side by side, and whether all of them are equal within the relative tolerance."""
    table = _table("row", "ad hoc (scoring job)", "endpoint (REST)", "difference", "equal", right=(0, 1, 2, 3))
    all_equal = len(asked) == len(served)
    for number, (one, other) in enumerate(zip(asked, served, strict=False), start=1):
        is_equal = abs(one - other) <= tolerance * max(abs(one), abs(other))
        all_equal &= is_equal
        mark = "[green]✓ yes" if is_equal else "[red]✗ NO"
        table.add_row(str(number), f"{one:.9f}", f"{other:.9f}", f"{abs(one - other):.1e}", mark)
    return table, all_equal


def show_audit(events: Sequence[dict[str, Any]]) -> RenderableType:
    """The trail, oldest first."""
    table = _table("time", "who", "what", "record", "count", right=(4,))
    for event in events:
        at = datetime.fromisoformat(event["created_at"]).strftime("%H:%M:%S")
        what = f"[red]{event['refused_code']}: {event['action']}" if event["refused_code"] else event["action"]
        record = (event["resource"] or "")[:SHORT_ID]
        table.add_row(at, event["principal"], what, record, str(event["count"]))
    return table


def _facts(facts: dict[str, str]) -> RenderableType:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="cyan", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts.items():
        table.add_row(f"{name:<16}", value)
    return table


def _table(*names: str, right: tuple[int, ...] = ()) -> Table:
    table = Table(box=box.SIMPLE_HEAD, header_style="cyan", padding=(0, 2, 0, 0), show_edge=False)
    for number, name in enumerate(names):
        table.add_column(name, justify="right" if number in right else "left")
    return table


def _draw(
    tree: Tree, node: dict[str, Any], edges: Sequence[dict[str, Any]], nodes: dict[str, dict[str, Any]], drawn: set[str]
) -> Tree:
    for edge in edges:
        if edge["from_id"] == node["id"] and edge["to_id"] not in drawn:
            drawn.add(edge["to_id"])
            target = nodes[edge["to_id"]]
            _draw(tree.add(f"[dim]{edge['kind'].replace('_', ' ')}[/dim] {_name(target)}"), target, edges, nodes, drawn)
    return tree


def _name(node: dict[str, Any]) -> str:
    return f"{node['kind'].replace('_', ' ')} [bold]{node['name']}[/bold] [cyan]{node['workspace']}[/cyan]"


def _bar(guess: float, truth: float) -> Text:
    cells = ["■" if place < round(guess) else " " for place in range(BAR + 1)]
    cells[min(round(truth), BAR)] = "●"
    bar = Text("".join(cells), style="blue")
    bar.stylize("bold yellow", min(round(truth), BAR), min(round(truth), BAR) + 1)
    return bar


def _figures(metrics: dict[str, float]) -> list[str]:
    return [f"{metrics['rmse']:.2f}", f"{metrics['mae']:.2f}", f"{metrics['r2']:.3f}"]


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
