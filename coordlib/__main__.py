"""The command line: ``python -m coordlib list | run | show``."""

import argparse
import sys

from coordlib import experiments, results


def main(arguments: list[str] | None = None) -> int:
    """Run one command; errors of the user end in one line, not in a traceback."""
    parser = argparse.ArgumentParser(prog="python -m coordlib", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="the experiments and their presets")
    run = commands.add_parser("run", help="measure, and keep the result")
    show = commands.add_parser("show", help="print what was measured")
    for command in (run, show):
        command.add_argument("name")
        command.add_argument("--preset", choices=results.PRESETS)
    run.add_argument("--seeds", type=int, default=1, help="how many (default 1)")
    run.add_argument("--device", default="auto", help="auto, cpu, cuda, mps ...")
    run.add_argument("--dask", metavar="ADDRESS", help="spread a sweep over a cluster")
    options = parser.parse_args(arguments)
    try:
        match options.command:
            case "list":
                _list()
            case "run":
                preset = options.preset or experiments.presets(options.name)[0]
                experiments.run(
                    options.name,
                    preset,
                    seeds=range(options.seeds),
                    device=options.device,
                    progress=True,
                    dask=options.dask,
                )
                _show(options.name, preset)
            case "show":
                _show(options.name, options.preset)
    except (ValueError, OSError, ImportError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped; the same command goes on from here", file=sys.stderr)
        return 130
    return 0


def _list() -> None:
    for name in experiments.NAMES:
        purpose = experiments.find(name).__doc__.splitlines()[0]
        print(f"{name}  [{', '.join(experiments.presets(name))}]\n    {purpose}")


def _show(name: str, preset: str | None) -> None:
    """Print the result at a preset; without one, at the largest that was run."""
    known = experiments.presets(name)
    wanted = (preset,) if preset else known[::-1]
    files = [file for p in wanted if (file := results.path(name, p)).exists()]
    if not files:
        raise ValueError(
            f"{name} was not measured{f' at {preset}' if preset else ''}; measure it "
            f"with 'python -m coordlib run {name} --preset {preset or known[0]}'"
        )
    result = results.load(files[0])
    print(f"{name} at {result.preset} size")
    if result.runs:
        print(f"{len(result.runs)} networks trained")
    for metric in sorted(next(iter(result.seeds.values()), {})):
        mean, spread = result.mean(metric), result.spread(metric)
        print(f"{metric:48s} {mean:12.5g} ± {spread:.2g}  ({len(result.seeds)} seeds)")


if __name__ == "__main__":
    raise SystemExit(main())
