"""Goes down the list of steps: builds graphkit apart from its sources, gives each step its time, writes its report.

This process imports no torch. A step runs in a process of its own (``worker.py``), which announces units of work and
reports rows. A unit that takes too long, or ends the process, is written down as failed; another process goes on with
the next one. Every row is on the disk before the next unit begins.
"""

import argparse
import contextlib
import datetime
import hashlib
import importlib.metadata
import json
import os
import re
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import table

ROOT = Path(__file__).resolve().parents[3]
#: The steps in order of worth, with the share of the remaining time that each may take.
STEPS = {"device": 0.4, "tests": 0.5, "timing": 0.45, "training": 0.6, "accuracy": 1.0}
COPIED = ("setup.py", "setup.cfg", "pyproject.toml", "README.md", "LICENSE", "graphkit")
RESERVE = 6.0  # seconds for the table
LEAST = 8.0  # seconds below which no step is begun
Row = dict[str, Any]


class Stopped(Exception):
    """A signal asks this process to end."""


class Report:
    """The rows of a step and the file that they are in.

    Args:
        out: Folder of the files.
        step: Name of the step.
        dry: Whether this is a dry run.
    """

    def __init__(self, out: Path, step: str, dry: bool) -> None:
        self.path, self.dry, self.begin = out / f"{step}.json", dry, time.monotonic()
        self.rows: list[Row] = []
        self.about: Row = {"step": step, "dry_run": dry, "started": now()}

    def add(self, row: Row) -> None:
        """Adds a row and writes the file."""
        if self.dry and row["status"] == "ok":
            row["status"] = "dry run"
        self.rows.append(row)
        if row["status"] == "failed":
            print(f"  failed: {row['unit']}: {str(row.get('message', '')).strip().splitlines()[-1:]}", flush=True)
        self.write()

    def write(self) -> None:
        """Writes the file."""
        seconds = round(time.monotonic() - self.begin, 1)
        write(self.path, {**self.about, "seconds": seconds, "rows": self.rows})


def now() -> str:
    """Returns the time of day."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def write(path: Path, content: Row) -> None:
    """Writes a JSON file in one step, one row a line."""
    rows = ",\n".join(json.dumps(row) for row in content.pop("rows", content.pop("tested", [])))
    name = "tested" if path.stem == "tested_devices" else "rows"
    head = json.dumps(content)[1:-1]
    temporary = path.with_name(f".{path.name}")
    temporary.write_text(f'{{{head}{", " if head else ""}"{name}": [\n{rows}\n]}}\n', encoding="utf-8")
    temporary.replace(path)


def end(process: subprocess.Popen) -> None:
    """Ends a process and all that it started."""
    for number, patience in ((signal.SIGTERM, 4.0), (signal.SIGKILL, 10.0)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)


def tail(path: Path, size: int = 1500) -> str:
    """Returns the end of a file."""
    with contextlib.suppress(OSError):
        return path.read_bytes()[-size:].decode(errors="replace")
    return ""


class Machine:
    """What the steps share: the clock, the folders, the environment of their processes.

    Args:
        options: The options of the command line.
        work: Folder for what is built.
    """

    worker = Path(__file__).with_name("worker.py")

    def __init__(self, options: argparse.Namespace, work: Path) -> None:
        self.dry: bool = options.dry_run
        self.out: Path = options.out.resolve()
        self.deadline = time.monotonic() + 60 * options.minutes - RESERVE
        self.data, self.wheels = options.data, options.wheels
        self.failed = False
        self.running: subprocess.Popen | None = None
        self.out.mkdir(parents=True, exist_ok=True)
        self.work = work
        self.environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(map(str, (self.work / "site", ROOT))),  # the second for the tests
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONUNBUFFERED": "1",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "GRAPHKIT_CACHE": str(self.work / "cache"),
            "TORCHINDUCTOR_CACHE_DIR": str(self.work / "inductor"),
            "TRITON_CACHE_DIR": str(self.work / "triton"),
            "GRAPHKIT_GPU_OUT": str(self.out),
            "GRAPHKIT_GPU_DRY": "1" if self.dry else "0",
        }
        self.environment.pop("GRAPHKIT_BACKEND", None)
        if self.data is not None:
            self.environment["GRAPHKIT_DATA"] = str(self.data.resolve())
        if self.dry:
            self.environment.setdefault("TORCH_CUDA_ARCH_LIST", "9.0")
            self.environment |= {"GRAPHKIT_TEST_DEVICE": "cpu", "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
        else:
            self.environment["GRAPHKIT_CUDA"] = "1"
            self.environment.setdefault("TORCH_CUDA_ARCH_LIST", find_gpu())

    def left(self) -> float:
        """Returns the seconds that are left."""
        return self.deadline - time.monotonic()

    def call(self, command: list[str], log: Path, limit: float) -> int:
        """Runs a command that writes to a log; returns its exit status, 124 if it takes too long."""
        with log.open("wb") as file:
            self.running = subprocess.Popen(
                command, stdout=file, stderr=subprocess.STDOUT, env=self.environment, start_new_session=True
            )
        try:
            return self.running.wait(max(limit, 1.0))
        except subprocess.TimeoutExpired:
            return 124
        finally:
            end(self.running)
            self.running = None

    # --- building ---------------------------------------------------------------------------------------------------

    def build(self, limit: float) -> list[Row]:
        """Installs the given wheels and graphkit into folders of the work folder, unless they are there already."""
        rows: list[Row] = []
        site, source, log = self.work / "site", self.work / "source", self.work / "build.log"
        stamp = self.work / "built"
        begin = time.monotonic()
        if not stamp.exists():
            for folder in (site, source):
                shutil.rmtree(folder, ignore_errors=True)
            site.mkdir(parents=True)
            source.mkdir()
            skipped = shutil.ignore_patterns("*.so", "__pycache__", ".*", "runs")
            for name in COPIED:
                if (ROOT / name).is_dir():
                    shutil.copytree(ROOT / name, source / name, ignore=skipped)
                elif (ROOT / name).exists():
                    shutil.copy(ROOT / name, source / name)
            subprocess.run(["chmod", "-R", "u+w", str(source)], check=False)  # the sources may be read-only
            rows += self.install_wheels(site)
            pip = [sys.executable, "-m", "pip", "install", "-v", "--no-index", "--no-build-isolation", "--no-deps"]
            code = self.call([*pip, "--no-cache-dir", "--target", str(site), str(source)], log, limit)
            if code != 0:
                reason = "it took too long" if code == 124 else f"pip ended with {code}"
                return [*rows, {"unit": "build", "status": "failed", "message": f"{tail(log)}\n{reason}"}]
            stamp.touch()
        built = sorted(path.name for path in (site / "graphkit").glob("*.so"))
        said = re.findall(r"graphkit: (?!filename).*", log.read_text(errors="replace")) if log.exists() else []
        row: Row = {"unit": "build", "status": "ok", "seconds": round(time.monotonic() - begin, 1)}
        row |= {"libraries": " ".join(built), "message": " | ".join(said)[-1500:]}
        if not any(name.startswith("_C") for name in built):
            row["status"] = "failed"
        rows.append(row)
        cuda = {"unit": "build of CUDA kernels", "status": "ok"}
        if not any(name.startswith("_cuda") for name in built):
            cuda |= {"status": "not run" if self.dry else "failed", "message": row["message"] or "torch has no CUDA"}
        return [*rows, cuda]

    def install_wheels(self, site: Path) -> list[Row]:
        """Installs the wheels of the given folder, each on its own: one that does not fit costs no other."""
        rows: list[Row] = []
        for wheel in sorted(self.wheels.glob("*.whl")) if self.wheels is not None else []:
            log = self.work / "wheel.log"
            pip = [sys.executable, "-m", "pip", "install", "-q", "--no-index", "--no-deps", "--no-cache-dir"]
            code = self.call([*pip, "--upgrade", "--target", str(site), str(wheel)], log, 60)
            status, message = ("ok", "") if code == 0 else ("failed", tail(log))
            rows.append({"unit": f"wheel {wheel.name}", "status": status, "message": message})
        return rows

    # --- steps ------------------------------------------------------------------------------------------------------

    def step(self, name: str) -> None:
        """Runs a step within its share of the time that is left."""
        report = Report(self.out, name, self.dry)
        stop = time.monotonic() + STEPS[name] * self.left()
        print(f"== {name}: at most {stop - time.monotonic():.0f} s", flush=True)
        try:
            if name == "device":
                for row in self.build(stop - time.monotonic()):
                    report.add(row)
            if self.left() < LEAST:
                report.add({"unit": name, "status": "not run", "message": "there was no time left"})
            else:
                self.work_off(name, report, stop)
        finally:
            report.write()
            self.failed = self.failed or any(row["status"] == "failed" for row in report.rows)
            if name == "tests":
                self.record(report)

    def work_off(self, name: str, report: Report, stop: float) -> None:
        """Lets workers go through the units of a step until all are done or the time is up."""
        done: set[str] = set()
        units: list[str] = []
        status, message = "not run", "the step's time was up"
        try:
            while self.go_on(name, report, units, done, stop):
                pass
            if time.monotonic() < stop:
                status, message = "failed", "the step ended before it came to this"
        finally:
            for unit in units:
                if unit not in done:
                    report.add({"unit": unit, "status": status, "message": message})

    def go_on(self, name: str, report: Report, units: list[str], done: set[str], stop: float) -> bool:
        """Lets a worker go on with what is not done; returns whether another one should."""
        log = self.work / f"{name}.log"
        before = len(done)
        reader, writer = os.pipe()
        environment = {**self.environment, "GRAPHKIT_GPU_SECONDS": f"{stop - time.monotonic():.1f}"}
        todo = self.work / "done.json"
        todo.write_text(json.dumps(sorted(done)))
        with log.open("wb") as file:
            self.running = subprocess.Popen(
                [sys.executable, "-u", str(self.worker), name, str(writer), str(todo)],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                env=environment,
                cwd=self.work,
                pass_fds=(writer,),
                start_new_session=True,
            )
        os.close(writer)
        try:
            unit, reason = self.listen(reader, report, units, done, stop)
            if not reason:  # it has closed the pipe, and is about to end
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self.running.wait(max(0.0, min(20.0, stop - time.monotonic())))
        finally:
            os.close(reader)
            end(self.running)
            code, self.running = self.running.returncode, None
        if unit is not None:
            time_is_up = time.monotonic() >= stop
            status = "not run" if time_is_up else "failed"
            message = "the step's time was up" if time_is_up else f"{reason or f'ended with {code}'}\n{tail(log)}"
            report.add({"unit": unit, "status": status, "message": message})
            done.add(unit)
        elif code != 0 and not units and time.monotonic() < stop:
            report.add({"unit": f"start of {name}", "status": "failed", "message": tail(log)})
        return code != 0 and len(done) > before and time.monotonic() < stop and not done >= set(units)

    def listen(
        self, reader: int, report: Report, units: list[str], done: set[str], stop: float
    ) -> tuple[str | None, str]:
        """Takes in what a worker says until it ends; returns the unit that it did not finish, and why if known."""
        unit, until = None, [stop]
        for message in messages(reader, until):
            if message is None:
                return unit, "it took too long"
            if "about" in message:
                report.about |= message["about"]
            elif "units" in message:
                units += [unit_name for unit_name in message["units"] if unit_name not in units]
            elif "begin" in message:
                limit = message["limit"] * (10 if self.dry else 1)  # a dry run measures nothing, on any busy machine
                unit, until[0] = message["begin"], min(stop, time.monotonic() + limit)
            else:
                report.add(message["row"])
                done.add(message["row"]["unit"])
                if unit in done:
                    unit, until[0] = None, stop
        return unit, ""

    def record(self, report: Report) -> None:
        """Writes which operators passed all their tests, for ``graphkit doctor --tested``."""
        about = report.about
        names = about.get("kernels", [])
        tests = [row for row in report.rows if row["unit"].startswith("tests/")]
        wrong = [row["unit"] for row in report.rows if row["status"] == "failed"]
        # What only a GPU can do is left out of a dry run, whose record nobody can use.
        wrong += [row["unit"] for row in tests if row["status"] == "not run" and not (self.dry and row.get("skipped"))]
        passed = [
            name
            for name in names
            if not any(concerns(unit, name, names) for unit in wrong)
            and any(names_operator(row["unit"], name, names) and row["status"] in ("ok", "dry run") for row in tests)
        ]
        common = {
            "architecture": about.get("architecture"),
            "torch": about.get("torch"),
            "date": now()[:10],
            "sources": about.get("sources"),
            "device": about.get("device"),
        }
        write(self.out / "tested_devices.json", {"tested": [{"operator": name, **common} for name in passed]})


def concerns(unit: str, name: str, names: list[str]) -> bool:
    """Returns whether a test counts for an operator: it names it, or names none."""
    return names_operator(unit, name, names) or not any(other in unit for other in names)


def names_operator(unit: str, name: str, names: list[str]) -> bool:
    """Returns whether a test names an operator: its name on its own, and not in that of another one."""
    for other in names:
        if name in other and name != other:
            unit = unit.replace(other, "")
    return name in unit


def messages(reader: int, until: list[float]) -> Iterator[Row | None]:
    """Yields what comes through a pipe, line by line, until its end; None when the time ``until[0]`` has passed."""
    waiting = selectors.DefaultSelector()
    waiting.register(reader, selectors.EVENT_READ)
    text = b""
    while True:
        if not waiting.select(max(0.0, until[0] - time.monotonic())):
            yield None
            return
        piece = os.read(reader, 2**16)
        if not piece:
            return
        *lines, text = (text + piece).split(b"\n")
        for line in lines:
            yield json.loads(line)


def find_gpu() -> str:
    """Returns the architecture of the GPU, such as 9.0; ends the run where torch sees none."""
    code = "import torch; print('{}.{}'.format(*torch.cuda.get_device_capability()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    if done.returncode != 0:
        said = (done.stderr.strip().splitlines() or ["?"])[-1]
        raise SystemExit(f"torch of {sys.executable} sees no GPU ({said}); --dry-run does without")
    return done.stdout.strip()


def work_folder() -> Path:
    """Returns a folder for what is built, the same one as long as the sources and the interpreter are."""
    key = hashlib.sha256(f"{sys.executable} {sys.version} {importlib.metadata.version('torch')}".encode())
    wishes = sorted(item for item in os.environ.items() if item[0].startswith(("GRAPHKIT_BUILD", "TORCH_CUDA")))
    key.update(json.dumps(wishes).encode())
    for name in COPIED:
        path = ROOT / name
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file() and "__pycache__" not in file.parts and file.suffix != ".so":
                key.update(str(file.relative_to(ROOT)).encode() + file.read_bytes())
    work = Path(tempfile.gettempdir()) / f"graphkit-gpu-{os.getuid()}" / key.hexdigest()[:16]
    work.mkdir(mode=0o700, parents=True, exist_ok=True)
    if work.stat().st_uid != os.getuid():
        raise SystemExit(f"{work} belongs to someone else; set TMPDIR to another folder")
    work.touch()
    for other in work.parent.iterdir():  # of other sources, long ago
        if time.time() - other.stat().st_mtime > 86400:
            shutil.rmtree(other, ignore_errors=True)
    return work


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Returns the options."""
    parser = argparse.ArgumentParser(prog="run.sh", description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--minutes", type=float, help="how long all may take, 9 by default")
    parser.add_argument("--data", type=Path, help="folder of raw files, as GRAPHKIT_DATA; step accuracy reads NW-UCLA")
    parser.add_argument("--wheels", type=Path, help="folder of wheels to install beside graphkit")
    parser.add_argument("--out", type=Path, default=Path("gpu-results"), help="folder of the results")
    parser.add_argument("--from", dest="first", choices=STEPS, default="device", help="step to go on from")
    parser.add_argument("--dry-run", action="store_true", help="the same on the CPU with tiny sizes")
    options = parser.parse_args(arguments)
    options.minutes = options.minutes or (30.0 if options.dry_run else 9.0)
    for name in ("data", "wheels"):
        folder = getattr(options, name)
        if folder is not None and not folder.is_dir():
            parser.error(f"--{name} must be a folder (got '{folder}')")
    return options


def stop(number: int, frame: FrameType | None) -> NoReturn:
    """Ends the run at a signal, with the table of what there is. Further signals change nothing."""
    for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(signum, signal.SIG_IGN)
    raise Stopped(signal.Signals(number).name)


def main() -> int:
    """Runs the steps and prints the table; returns the exit status."""
    options = parse()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, stop)
    machine = Machine(options, work_folder())
    names = list(STEPS)
    try:
        if options.first != "device" and not (machine.work / "built").exists():
            rows = machine.build(0.4 * machine.left())
            machine.failed = any(row["status"] == "failed" for row in rows)
        for name in names[names.index(options.first) :]:
            machine.step(name)
    except (Stopped, KeyboardInterrupt) as signalled:
        print(f"stopped by {signalled}", flush=True)
        machine.failed = True
    finally:
        if machine.running is not None:
            end(machine.running)
        table.show(machine.out, list(STEPS))
    return 1 if machine.failed else 0


if __name__ == "__main__":
    sys.exit(main())
