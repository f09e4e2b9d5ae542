"""Text output of the result of a distillation run."""

from pathlib import Path
from typing import Any

from graphkit.cli.scores import SEEDS
from graphkit.metrics.format_scores import PERCENT, format_score, format_scores
from graphkit.screen import printable

#: Significance level of all paired tests of a comparison together.
LEVEL = 0.05
_CHOSEN = {
    "validation": "epochs chosen on validation items",
    "fold": "epochs chosen on the held-out folds",
    "test": "epochs chosen on test items",
    "last epoch": "scores of the last epoch",
}


def describe(result: dict[str, Any]) -> str:
    """Returns a table of the networks, and the conclusion of the paired tests."""
    percent = result["metric"] in PERCENT
    seeds = f"{len(result['seeds'])} seed{'s' if len(result['seeds']) > 1 else ''}"
    lines = [
        f"{printable(result['dataset'])}: {result['metric']}{' in %' if percent else ''} over {seeds}, "
        f"{_CHOSEN.get(result['selected_on'], '')}; differences and tests are against the student alone",
        f"  {'network':<10}{'model':<10}{'test':>16}{'validation':>16}{'difference':>12}{'p':>9}{'better':>8}"
        f"{'parameters':>13}{'on disk':>11}{'forward':>11}",
    ]
    for entry in result["networks"]:
        against = entry["against_alone"]
        difference, p, better = "-", "-", "-"
        if against is not None:
            difference = format_score(against["difference"], percent, sign=True)
            p = "-" if against["p"] is None else f"{against['p']:.4f}"
            wins = against["wins" if result["maximize"] else "losses"]
            better = f"{wins}/{against['pairs']}"
        test, validation = (format_scores(entry[key], percent) for key in ("test", "validation"))
        lines.append(
            f"  {entry['name']:<10}{entry['model']:<10}{test:>16}{validation:>16}"
            f"{difference:>12}{p:>9}{better:>8}{entry['parameters']:>13,}"
            f"{entry['size_bytes'] / 1024:>7.0f} KiB{entry['latency_ms']:>8.2f} ms"
        )
    lines.append(f"  {verdict(result)}")
    folder = Path(result["run"])
    if (folder / "report.html").exists():
        lines.append(f"report: {printable(folder / 'report.html')}")
    lines.append(f"run folder: {printable(folder)}")
    return "\n".join(lines)


def next_steps(result: dict[str, Any]) -> list[str]:
    """Returns the commands that usually follow a distillation."""
    folder = Path(result["run"])
    student = printable(folder / result["chosen"])
    steps = [f"to predict with the chosen student: graphkit predict {student} NEW --output FILE"]
    if len(result["seeds"]) < SEEDS:
        steps.append(f"to repeat: graphkit distill --config {printable(folder / 'config.yaml')} --seeds {SEEDS}")
    elif sum(entry["loss"] is not None for entry in result["networks"]) == 1:
        steps.append("to compare: the same command with --compare all")
    return steps


def verdict(result: dict[str, Any]) -> str:
    """Returns the conclusion of the paired tests, with Bonferroni correction."""
    tests = {e["name"]: e["against_alone"] for e in result["networks"] if e["name"] != "teacher" and e["against_alone"]}
    valid_tests = {name: test for name, test in tests.items() if test["p"] is not None}
    if not valid_tests and any(test["pairs"] > 1 for test in tests.values()):
        return "The differences are equal for all seeds: the paired t-test is undefined."
    if not valid_tests:
        return "A paired t-test needs several seeds, such as --seeds 5."
    bound = LEVEL / len(valid_tests)  # Bonferroni correction
    sign = 1 if result["maximize"] else -1
    words = []
    for word, factor in (("better", sign), ("worse", -sign)):
        names = [name for name, test in valid_tests.items() if test["p"] < bound and factor * test["difference"] > 0]
        if names:
            words.append(f"{', '.join(names)} {word} than the student alone")
    several = f" ({LEVEL:g} divided by {len(valid_tests)} tests)" if len(valid_tests) > 1 else ""
    if not words:
        return f"No loss made a significant difference: no p below {bound:.3g}{several}."
    return f"By the paired t-test at {bound:.3g}{several}: {'; '.join(words)}."
