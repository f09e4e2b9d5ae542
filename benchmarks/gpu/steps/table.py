"""The table that a run ends with, from the files of its steps."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Row = dict[str, Any]


def show(out: Path, steps: list[str]) -> None:
    """Prints the results in a folder."""
    for step in steps:
        path = out / f"{step}.json"
        if not path.exists():
            print(f"\n{step}: not run")
            continue
        content = json.loads(path.read_text(encoding="utf-8"))
        rows = content["rows"]
        counts = {}
        for row in rows:
            counts[row["status"]] = counts.get(row["status"], 0) + 1
        what = ", ".join(f"{number} {status}" for status, number in counts.items())
        where = f"{content.get('device')}, torch {content.get('torch')}"
        print(f"\n{step}: {where}, {content['seconds']:.0f} s: {what}")
        for line in LINES.get(step, plain_lines)(rows):
            print(f"  {line}"[:180])
        for row in [row for row in rows if row["status"] == "failed"][:8]:
            said = str(row.get("message", "")).strip().splitlines() or [""]
            print(f"  FAILED {row['unit']}: {said[-1][:200]}")
    record = out / "tested_devices.json"
    if record.exists():
        tested = [row["operator"] for row in json.loads(record.read_text(encoding="utf-8"))["tested"]]
        print(f"\npassed all tests: {', '.join(tested) or 'none'}")
        print(f"to switch them on: graphkit doctor --tested {record}")


def plain_lines(rows: list[Row]) -> Iterator[str]:
    """Yields a line for each unit."""
    for row in rows:
        if row["status"] == "failed":
            continue
        fields = {k: v for k, v in row.items() if k not in ("unit", "status", "message") and v not in (None, "")}
        text = ", ".join(f"{key} {short(value)}" for key, value in fields.items())
        yield f"{row['unit']:<24} {row['status']:<8} {text} {row.get('message', '')}".rstrip()


def short(value: object) -> str:
    """Returns a number or a text in few characters."""
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value)


def test_lines(rows: list[Row]) -> Iterator[str]:
    """Yields a line for each operator: how many tests, and the largest relative error of each type."""
    tests = [row for row in rows if row["unit"].startswith("tests/")]
    values = [row["unit"].split("[")[1] for row in tests if "test_values_and_gradients[" in row["unit"]]
    names = sorted({unit.split("-")[0] for unit in values})
    for name in names:
        matching = [row for row in tests if name in row["unit"]]
        done = sum(row["status"] in ("ok", "dry run") for row in matching)
        wrong = sum(row["status"] == "failed" for row in matching)
        errors: dict[str, float] = {}
        for row in matching:
            for key, value in row.items():
                if key.startswith("error_") and value is not None:
                    errors[key[6:]] = max(value, errors.get(key[6:], 0.0))
        text = ", ".join(f"{dtype} {error:.1e}" for dtype, error in sorted(errors.items()))
        yield f"{name:<28}{done:4} passed {wrong:3} failed {len(matching) - done - wrong:3} not run   errors: {text}"
    for row in rows:
        if not row["unit"].startswith("tests/") and row["status"] != "failed":
            yield f"{row['unit']:<28}{row['status']}: {row.get('message', '')}"


def timing_lines(rows: list[Row]) -> Iterator[str]:
    """Yields a line for each operator and type: forward and both passes of each form."""
    cases: dict[tuple[str, str], dict[str, Row]] = {}
    for row in rows:
        if "forward_ms" in row:
            cases.setdefault((row["operator"], row["dtype"]), {})[row["form"]] = row
    yield f"{'ms, forward / both passes':<38}{'ours':>17}{'usual':>19}{'compiled':>19}   ours, of a copy"
    for (operator, dtype), forms in cases.items():
        cells = ""
        for form, width in (("ours", 17), ("usual", 19), ("compiled", 19)):
            row = forms.get(form)
            cells += f"{row['forward_ms']:.3f} / {row['both_ms']:.3f}".rjust(width) if row else f"{'-':>{width}}"
        ours = forms.get("ours")
        share = f"{ours['forward_of_copy']:.0%} / {ours['both_of_copy']:.0%}" if ours else "-"
        yield f"{operator:<28}{dtype:<10}{cells}   {share}"


def training_lines(rows: list[Row]) -> Iterator[str]:
    """Yields a line for each model and form."""
    for row in rows:
        if "steps_per_second" in row:
            peak = f"{row['peak_mb']:.0f} MB" if row["peak_mb"] is not None else "-"
            clips = f"{row['clips_per_second']:10.1f} clips/s" if "clips_per_second" in row else ""
            yield f"{row['model']:<15} {row['form']:<32} {row['steps_per_second']:9.2f} steps/s {peak:>10} {clips}"


LINES = {"tests": test_lines, "timing": timing_lines, "training": training_lines}
