"""Execute the book's notebooks and store them in one normal form.

``make notebooks`` runs this over every notebook, ``make notebooks
ONLY=book/coordconv.ipynb`` over one. The normal form holds nothing that depends
on the machine or the hour, so that a second run changes nothing.
"""

import base64
import hashlib
import json
import re
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from io import BytesIO
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from PIL import Image
from repository import BOOK, ROOT, setup_cell

CELL_SECONDS = 600
MAX_PICTURE = 60_000  # bytes
AT_ONCE = 2  # notebooks, each on one core, as the tests run them

METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
# How the set-up cell writes the day of execution.
DAY = r"\b\d{4}-\d\d-\d\d\b"
CELL_METADATA = {"tags", "mystnb", "slide"}
WIDGET_STATE = "application/vnd.jupyter.widget-state+json"
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
ANSI = re.compile(r"\x1b\[[0-9;]*m")
# Absolute paths of somebody's computer. A URL's path does not count.
MACHINE_PATH = re.compile(
    r"(?<![\w.:/~])/(?:home|root|tmp|Users|usr|opt|var|mnt)/\w"
    r"|(?<!\w)[A-Z]:\\+Users|" + re.escape(str(ROOT))
)


def normalise(nb: NotebookNode) -> None:
    """Bring a notebook into the book's normal form, in place.

    Raises
    ------
    ValueError
        If an output shows a path of this machine.
    """
    nb.nbformat, nb.nbformat_minor = 4, 5
    stored = nb.metadata.get("widgets", {}).get(WIDGET_STATE, {})
    nb.metadata = nbformat.from_dict(METADATA)
    seen: set[str] = set()
    for cell in nb.cells:
        cell.source = cell.source.rstrip()
        cell.id = cell_id(cell, seen)
        keep = {k: v for k, v in cell.metadata.items() if k in CELL_METADATA and v}
        cell.metadata = nbformat.from_dict(keep)
        if cell.cell_type == "code":
            cell.outputs = [tidy(output) for output in merged(cell.outputs)]
            for text in map(output_text, cell.outputs):
                if path := MACHINE_PATH.search(text):
                    raise ValueError(
                        f"an output shows a path of this machine "
                        f"({path[0]}...), cell:\n{cell.source}"
                    )
    if kept := name_widgets(nb, stored.get("state", {})):
        state = {"state": kept, "version_major": 2, "version_minor": 0}
        nb.metadata.widgets = nbformat.from_dict({WIDGET_STATE: state})


def cell_id(cell: NotebookNode, seen: set[str]) -> str:
    """Return an id made from the cell's content and not yet in `seen`."""
    # The set-up cell has a name, so that a new address leaves its id alone.
    if cell.source == setup_cell():
        base = "set-up"
    else:
        content = f"{cell.cell_type}\n{cell.source}".encode()
        base = hashlib.sha256(content).hexdigest()[:8]
    name, again = base, 1
    while name in seen:
        again += 1
        name = f"{base}-{again}"
    seen.add(name)
    return name


def name_widgets(nb: NotebookNode, state: dict[str, dict]) -> dict[str, dict]:
    """Name widgets after the cells that show them; return the state of those shown.

    The ids that Jupyter gives are random. The new ones are made from the cell's id,
    and those of the models that a shown widget refers to from its own.
    """
    names: dict[str, str] = {}

    def name(model: str, origin: str) -> None:
        if model in state and model not in names:
            names[model] = hashlib.sha256(origin.encode()).hexdigest()[:32]
            for key, value in sorted(state[model]["state"].items()):
                for other in re.findall(r"IPY_MODEL_(\w+)", json.dumps(value)):
                    name(other, f"{names[model]} {key}")

    for cell in nb.cells:
        for number, output in enumerate(cell.get("outputs", [])):
            view = output.get("data", {}).get(WIDGET_VIEW)
            if view is not None:
                name(view["model_id"], f"{cell.id} {number}")
                view["model_id"] = names.get(view["model_id"], view["model_id"])
    text = json.dumps({names[model]: state[model] for model in names})
    return json.loads(
        re.sub(r"IPY_MODEL_(\w+)", lambda m: f"IPY_MODEL_{names.get(m[1], m[1])}", text)
    )


def merged(outputs: list[NotebookNode]) -> Iterator[NotebookNode]:
    """Join streams of one name that follow each other: their cuts are chance."""
    last = None
    for output in outputs:
        stream = output.output_type == "stream"
        if stream and last is not None and last.get("name") == output.name:
            last.text += output.text
            continue
        if last is not None:
            yield last
        last = output
    if last is not None:
        yield last


def tidy(output: NotebookNode) -> NotebookNode:
    """Shorten a traceback to its last line, and make a heavy picture lighter."""
    if output.output_type == "error":
        # The rest of a traceback names files and colours.
        output.evalue = ANSI.sub("", output.evalue)
        output.traceback = [f"{output.ename}: {output.evalue}"]
    if picture := output.get("data", {}).get("image/png"):
        output.data["image/png"] = lighter(picture)
    return output


def lighter(picture: str) -> str:
    """Return a PNG in base64, with 256 colours in place of all if it is heavy."""
    stored = base64.b64decode(picture)
    if len(stored) <= MAX_PICTURE:
        return picture
    image, out = Image.open(BytesIO(stored)), BytesIO()
    if image.mode == "P":  # there is nothing more to take away
        return picture
    method = Image.Quantize.FASTOCTREE if image.mode == "RGBA" else None
    if image.mode == "RGBA" and image.getextrema()[3] == (255, 255):
        image, method = image.convert("RGB"), None
    few = image.quantize(256, method, dither=Image.Dither.NONE)
    few.save(out, "PNG", optimize=True)
    return base64.b64encode(out.getvalue()).decode()


def output_text(output: NotebookNode) -> str:
    """Return what a reader could read in an output."""
    texts = [output.get("text", ""), output.get("evalue", "")]
    for kind, data in output.get("data", {}).items():
        if not kind.startswith("image/"):
            texts.append(str(data))
    return "\n".join(texts)


def as_text(nb: NotebookNode) -> str:
    """Return a notebook as the text of its file."""
    return nbformat.writes(nb).rstrip("\n") + "\n"


def keep_times(nb: NotebookNode, stored: dict[str, list[NotebookNode]]) -> None:
    """Keep a stored output where the new one differs in measured times alone.

    The day of execution is kept only if everything else is.
    """
    code = [cell for cell in nb.cells if cell.cell_type == "code"]
    same = {
        cell.id: cell.id in stored and same_but_times(stored[cell.id], cell.outputs)
        for cell in code
    }
    for cell in code:
        if same[cell.id] and (cell.id != "set-up" or all(same.values())):
            cell.outputs = stored[cell.id]


def same_but_times(old: list[NotebookNode], new: list[NotebookNode]) -> bool:
    """Say whether two outputs are equal once durations and days are left out."""
    sanitize = (ROOT / "sanitize.cfg").read_text("utf-8")
    duration = re.search(r"^\[time\]\nregex: (.*)$", sanitize, re.M)[1]
    first, second = (
        re.sub(rf"{duration}|{DAY}", "TIME", json.dumps(outputs, sort_keys=True))
        for outputs in (old, new)
    )
    return first == second


def run(path: Path) -> str:
    """Execute one notebook and store it; return what went wrong, or ''."""
    name = path.relative_to(ROOT)
    print(f"{name}: running", flush=True)
    start = time.monotonic()
    nb = nbformat.read(path, as_version=4)
    try:
        normalise(nb)
        stored = {c.id: c.outputs for c in nb.cells if c.cell_type == "code"}
    except ValueError:
        stored = {}  # what was stored is at fault, and about to be replaced
    client = NotebookClient(
        nb,
        kernel_name="python3",
        timeout=CELL_SECONDS,
        record_timing=False,
        store_widget_state=True,
        # Errors only: at each start the kernel warns that TCP is not encrypted.
        extra_arguments=["--IPKernelApp.log_level=40"],
        resources={"metadata": {"path": str(path.parent)}},
    )
    try:
        client.execute()
        normalise(nb)
    except (CellExecutionError, CellTimeoutError, DeadKernelError, ValueError) as error:
        return f"{name}: {ANSI.sub('', str(error))}"
    keep_times(nb, stored)
    path.write_text(as_text(nb), "utf-8")
    print(f"{name}: done in {time.monotonic() - start:.0f} s", flush=True)
    return ""


def main(names: list[str]) -> int:
    """Run the notebooks named, or all of them; return the exit status."""
    paths = [Path(name).resolve() for name in names] or sorted(BOOK.glob("*.ipynb"))
    with ProcessPoolExecutor(AT_ONCE) as pool:
        failures = [failure for failure in pool.map(run, paths) if failure]
    for failure in failures:
        print(f"\n{'-' * 72}\n{failure}", file=sys.stderr)
    if failures:
        print(f"\n{len(failures)} of {len(paths)} failed.", file=sys.stderr)
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
