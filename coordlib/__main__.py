"""The command line: ``python -m coordlib list|run|show|ledger|data|probe``."""

import argparse
import os
import sys
import textwrap
from pathlib import Path
from typing import NoReturn

try:
    from coordlib.lab import experiments
    from coordlib.lab.experiments import plans
    from coordlib.lab.record import ledger, results
    from coordlib.lab.record.result import Result, spread
    from coordlib.lab.record.results import Where
except ModuleNotFoundError as missing:
    sys.exit(
        f"error: {missing.name} is missing: the command line measures in the book's "
        "laboratory; pip install 'coordlib[lab]'"
    )


MOST_SEEDS = 10_000
SPEED = "speed-"
"""Before the name of a benchmark, which lies among the results."""


class _Parser(argparse.ArgumentParser):
    """Says in one line what is wrong."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"error: {message}; '{self.prog} --help' says more\n")


def main(arguments: list[str] | None = None) -> int:
    """Run one command; errors of the user end in one line, not in a traceback."""
    # A few commands with a few options: argparse does, and needs no installing.
    parser = _Parser(prog="python -m coordlib", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="the experiments and their presets")
    run = commands.add_parser("run", help="measure, and keep the result")
    show = commands.add_parser("show", help="print what was measured")
    claims = commands.add_parser("ledger", help="the claims and their verdicts")
    claims.add_argument("--format", choices=("text", "csv", "json"), default="text")
    for command in (run, show, claims):
        if command is not claims:
            command.add_argument("name", nargs="?" if command is run else None)
            command.add_argument("--preset", choices=results.PRESETS)
        command.add_argument(
            "--results",
            metavar="FOLDER",
            help="where results are, in place of results/",
        )
    _add_run_options(run)
    data = commands.add_parser("data", help="data sets in one file, for elsewhere")
    _add_data_commands(data)
    _add_probe_options(commands.add_parser("probe", help="move a picture, and see"))
    options = parser.parse_args(arguments)
    try:
        if options.command not in ("list", "data", "probe"):
            _check(options)
        match options.command:
            case "list":
                _list()
            case "data" if options.action == "pack":
                plans.pack_data(options.file, options.limit, options.sets or ())
            case "data":
                plans.unpack_data(options.file)
            case "ledger":
                _ledger(options)
            case "probe":
                _probe(options)
            case "run" if options.plan is not None:
                how = {"where": options.results, "device": options.device}
                how["dry_run"] = options.dry_run
                plans.run_plan(options.plan, options.minutes, **how)
            case "run":
                preset = options.preset or experiments.find(options.name).sizes[0]
                experiments.run(
                    options.name,
                    preset,
                    seeds=range(options.seeds),
                    device=options.device,
                    where=options.results,
                    progress=True,
                    dask=options.dask,
                    force=options.force,
                )
                _show(options.name, preset, options.results)
            case "show":
                if options.name.startswith(SPEED):
                    _show_speed(options)
                else:
                    _show(options.name, options.preset, options.results)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever reads has read enough. Python shall not try again when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (ValueError, OSError, ImportError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        force = getattr(options, "force", False)
        same = f"the same command{' without --force' if force else ''}"
        print(f"stopped; {same} goes on from here", file=sys.stderr)
        return 130
    return 0


def _add_run_options(run: argparse.ArgumentParser) -> None:
    run.add_argument("--seeds", type=int, default=1, help="how many (default 1)")
    run.add_argument("--device", default="auto", help="auto, cpu, cuda, mps ...")
    run.add_argument("--dask", metavar="ADDRESS", help="spread a sweep over a cluster")
    run.add_argument(
        "--force", action="store_true", help="measure again, and keep the old as .old"
    )
    run.add_argument(
        "--plan", metavar="PLAN", help="measure a plan: decisive, painters"
    )
    run.add_argument("--minutes", type=float, default=14, help="of a plan (14)")
    run.add_argument("--dry-run", action="store_true", help="only say what a plan does")


def _add_data_commands(data: argparse.ArgumentParser) -> None:
    actions = data.add_subparsers(dest="action", required=True)
    packing = actions.add_parser("pack", help="write data sets into one file")
    packing.add_argument("file", metavar="FILE")
    packing.add_argument("--limit", default="200MB", help="of its size, such as 40MB")
    packing.add_argument(
        "--sets",
        nargs="+",
        metavar="SET",
        help="such as cifar-10; what the plan decisive needs if not given",
    )
    unpacking = actions.add_parser("unpack", help="put them into this one's cache")
    unpacking.add_argument("file", metavar="FILE")


def _add_probe_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "model",
        metavar="MODEL",
        help="package.module:callable, for pictures in [0, 1], or a name that timm or "
        "torchvision know, with their weights",
    )
    command.add_argument("picture", metavar="PICTURE", help="a file")
    command.add_argument(
        "--shifts", type=int, default=8, metavar="N", help="up to how many pixels (8)"
    )
    command.add_argument("--size", type=int, default=224, help="of the window (224)")
    command.add_argument(
        "--mode",
        choices=("cropped", "circular", "zero"),
        default="cropped",
        help="what enters at the border: the rest of the picture (default), what left "
        "on the other side, or zeros",
    )
    command.add_argument(
        "--antialias", action="store_true", help="put a blurred copy beside it"
    )
    command.add_argument("--out", metavar="FIGURE", help="draw it, too: figure.png")


def _probe(options: argparse.Namespace) -> None:
    from coordlib.lab.experiments import probing

    for name, least in ("shifts", 1), ("size", 1):
        if getattr(options, name) < least:
            raise ValueError(f"--{name} must be at least {least}")
    if options.out is not None:
        probing.check_figure(options.out)
    found = probing.measure(
        options.model,
        options.picture,
        shifts=options.shifts,
        size=options.size,
        mode=options.mode,
        blurred=options.antialias,
    )
    print(*(f"{title}\n\n{network}\n" for title, network in found.items()), sep="\n")
    if options.out is not None:
        probing.draw(found, options.out)
        print(f"drawn: {options.out}")


def _check(options: argparse.Namespace) -> None:
    """Refuse what nothing can be done with, before anything is done."""
    where, running = options.results, options.command == "run"
    if where == "":
        raise ValueError("--results must name a folder, got an empty name")
    if where is not None and Path(where).exists() and not Path(where).is_dir():
        raise ValueError(f"--results must name a folder, and {where} is a file")
    if not running:
        if where is not None and not Path(where).exists():
            raise ValueError(f"--results must name a folder, and there is no {where}")
        return
    if options.seeds < 1:
        raise ValueError(f"--seeds must be at least 1, got {options.seeds}")
    if options.seeds > MOST_SEEDS:
        raise ValueError(f"--seeds must be at most {MOST_SEEDS}, got {options.seeds}")
    if options.dask == "":
        raise ValueError("--dask must be the address of a scheduler, got an empty one")
    if options.name is None and options.plan is None:
        raise ValueError("give the NAME of an experiment, or --plan PLAN")
    if options.name is not None and options.plan is not None:
        raise ValueError(
            f"give a NAME or --plan, got {options.name} and {options.plan}"
        )
    if options.plan is None and options.dry_run:
        raise ValueError("--dry-run goes with --plan")
    if options.plan is not None:
        own = [f"--{o}" for o in ("preset", "dask") if getattr(options, o) is not None]
        own += ["--force"] * options.force + ["--seeds"] * (options.seeds != 1)
        if own:
            raise ValueError(f"a plan has its own {', '.join(own)}: leave it out")
    if options.name is not None and options.name.startswith(SPEED):
        raise ValueError(
            f"{options.name} is a benchmark; run '{results.command(options.name)}'"
        )


def _list() -> None:
    for name in experiments.NAMES:
        experiment = experiments.find(name)
        question = experiment.question.splitlines()[0]
        print(f"{name}  [{', '.join(experiment.sizes)}]\n    {question}")


def _ledger(options: argparse.Namespace) -> None:
    """Print the claims: verdict, scale, seeds, what decides, what would."""
    where = None if options.results is None else Path(options.results)
    entries = ledger.ledger(where=where)
    if options.format != "text":
        write = ledger.to_csv if options.format == "csv" else ledger.to_json
        sys.stdout.write(write(entries))
        return
    for entry in entries:
        claim = entry.claim
        scale = f", {claim.scale}" if claim.scale else ""
        seeds = f", {entry.seeds} seed{'s' * (entry.seeds != 1)}" if entry.seeds else ""
        print(f"{claim.id}  {entry.verdict}{scale}{seeds}")
        lines = [claim.claim, entry.because, entry.measured]
        lines += [
            f"{name}: {judged.verdict}, {judged.because}"
            for name, judged in entry.also.items()
        ]
        if entry.next:
            hours = entry.hours(entry.next)
            command = "; ".join(entry.command.splitlines())
            lines.append(f"next: {entry.next} seeds, {hours:.1f} h: {command}")
        elif entry.command:
            lines.append(f"next: {entry.command}")
        for line in filter(None, lines):
            print(
                textwrap.fill(
                    line, 88, initial_indent=" " * 5, subsequent_indent=" " * 7
                )
            )
    print(ledger.summary(entries))


def _show(name: str, preset: str | None, where: Where) -> None:
    """Print the result at a preset; without one, at the largest with a finished seed.

    What is only begun is named, too.
    """
    experiment = experiments.find(name)
    known = experiment.sizes
    if preset:
        experiment.config(preset)  # refuses one that it does not have
    for p in [preset] if preset else results.PRESETS[::-1]:
        file = results.path(name, p, where)
        if not file.exists():
            continue
        result = results.load(file)
        trained = f"{len(result.runs)} networks trained"
        if not result.seeds:
            print(f"{name} at {p} size: begun, no seed is finished, {trained}")
            continue
        _print(result, trained if result.runs else "")
        return
    measure = results.command(name, preset or known[0], where)
    raise ValueError(
        f"no finished seed of {name}{f' at {preset}' if preset else ''}; measure it "
        f"with '{measure}'"
    )


def _show_speed(options: argparse.Namespace) -> None:
    """Print what a benchmark measured."""
    result = results.best(options.name, options.results)
    if result is None or options.preset not in (None, result.preset):
        at = f" at {options.preset}" if options.preset else ""
        raise ValueError(
            f"no result of {options.name}{at}; run '{results.command(options.name)}'"
        )
    _print(result)


def _print(result: Result, remark: str = "") -> None:
    print(f"{result.experiment} at {result.preset} size")
    if remark:
        print(remark)
    for axes, values in result.series():
        metric = axes.pop("metric")
        what = ", ".join([metric, *(f"{k} {v}" for k, v in axes.items())])
        middle, around = values.mean(), spread(values)
        count = f"({len(values)} seed{'s' * (len(values) > 1)})"
        print(f"{what:60s} {middle:12.5g} ± {around:.2g}  {count}")


if __name__ == "__main__":
    raise SystemExit(main())
