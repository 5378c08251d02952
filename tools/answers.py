"""Write what two trained networks answer, for the figure on the home page.

Run after ``results/coordinate-regression.*`` has changed. Each position of the square
is put before the best networks of the quadrant split; their answers are stored in
hundredths of a pixel.
"""

import base64
import json

import numpy as np
import torch
from repository import BOOK

from coordlib.grid import from_unit
from coordlib.lab.data.squares import quadrant_split, squares
from coordlib.lab.experiments import best_network
from coordlib.lab.record import results

EXPERIMENT = "coordinate-regression"
NETWORKS = ["coordconv", "conv"]
TARGET = BOOK / "assets" / "where-answers.js"


@torch.no_grad()
def answers() -> dict:
    """Return the answers of each network, and the positions it was not trained on."""
    size = results.best(EXPERIMENT).config["size"]
    world = squares(size)
    _, held_out = quadrant_split(world)
    networks = {}
    for name in NETWORKS:
        network = best_network(EXPERIMENT, name, "quadrant")
        parts = [network(part) for part in world.images().split(256)]
        places = from_unit(torch.cat(parts), (size, size))
        stored = (places * 100).round().numpy().astype("<i2")
        networks[name] = {
            "parameters": sum(p.numel() for p in network.parameters()),
            "places": base64.b64encode(stored.tobytes()).decode(),
        }
    first, last = world.positions.min(), world.positions.max()
    corner = world.positions[held_out].amin(0)
    return {
        "size": size,
        "first": int(first),
        "last": int(last),
        "heldOut": corner.tolist(),
        "networks": networks,
    }


def as_text(found: dict) -> str:
    """Return the answers as the text of their file."""
    lines = json.dumps(found, indent=1)
    return f"// Written by tools/answers.py.\nglobalThis.whereAnswers = {lines};\n"


def read(network: dict) -> np.ndarray:
    """Return stored places in pixels, shape (positions, 2)."""
    stored = np.frombuffer(base64.b64decode(network["places"]), "<i2")
    return stored.reshape(-1, 2) / 100


if __name__ == "__main__":
    TARGET.write_text(as_text(answers()), "utf-8")
    print(f"{TARGET.name}: {TARGET.stat().st_size} bytes")
