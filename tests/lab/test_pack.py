"""Data sets in one file: whole where the limit allows, and honest where not."""

import inspect
import json
import re
import zipfile
from importlib import import_module

import numpy as np
import pytest
from test_data_complete import fails
from test_plans import laboratory  # noqa: F401

from coordlib.__main__ import main
from coordlib.lab import experiments
from coordlib.lab.data import complete, pack
from coordlib.lab.data.cache import (
    Collection,
    MissingDataError,
    Route,
    checksum,
    store,
    verified,
)
from coordlib.lab.data.pack import PackError, limit_in_bytes
from coordlib.lab.data.storage import noting
from coordlib.lab.experiments import plans
from coordlib.lab.record.experiment import options

RNG = np.random.default_rng(3)
COUNTS = {"train": 250, "test": 30}


def pictures(count, channels):
    """Smooth pictures, as photographs are: noise cannot be compressed."""
    coarse = RNG.integers(0, 256, (count, channels, 4, 4))
    fine = coarse.repeat(8, 2).repeat(8, 3) + RNG.integers(0, 9, (count, 1, 32, 32))
    return fine.clip(0, 255).astype(np.uint8)


def made_up(name, channels):
    """A data set that no route leads to, and its arrays."""
    arrays = {
        split: (pictures(count, channels), np.arange(count, dtype=np.uint8) % 10)
        for split, count in COUNTS.items()
    }
    checksums = {split: checksum(*both) for split, both in arrays.items()}
    route = Route("far away", ("file",), 1, fails, lambda folder, split: None)
    licence = f"{name} is free to test with"
    return Collection(name, name.title(), licence, checksums, (route,)), arrays


GREY, COLOUR = made_up("grey", 1), made_up("colour", 3)


@pytest.fixture
def caches(tmp_path, monkeypatch):
    """Go to one of two machines: "here", which has both sets, and "there"."""
    monkeypatch.setattr(pack, "SETS", {one.name: one for one, _ in (GREY, COLOUR)})
    monkeypatch.setattr(pack, "SHEET", 100)

    def go(place):
        monkeypatch.setenv("COORDLIB_DATA", str(tmp_path / place))

    go("here")
    for one, arrays in (GREY, COLOUR):
        for split, (images, labels) in arrays.items():
            path = tmp_path / "here" / one.name / f"{split}.npz"
            store(path, images=images, labels=labels)
    return go


def carried(caches, tmp_path, limit, *names):
    """Pack here, unpack there."""
    lines = []
    file = pack.pack(tmp_path / "data.pack", names, limit, lines.append)
    caches("there")
    pack.unpack(file, lines.append)
    return file, lines


def size_of(tmp_path, caches, *names):
    file = pack.pack(tmp_path / "whole.pack", names, 10**9, lambda line: None)
    return file.stat().st_size


def test_what_fits_arrives_as_it_was(caches, tmp_path):
    file, lines = carried(caches, tmp_path, 10**9, "grey", "colour")
    for one, arrays in (GREY, COLOUR):
        for split in COUNTS:
            with noting() as seen:
                images, labels = verified(one, split)
            assert np.array_equal(images, arrays[split][0])
            assert np.array_equal(labels, arrays[split][1])
            assert seen == {f"{one.title} {split}": "complete"}
    assert file.stat().st_size < sum(a[0].nbytes for a in COLOUR[1].values())
    assert "Colour test: all 30 pictures, lossless" in lines[1]


def test_where_room_is_short_the_test_set_is_whole_and_the_rest_says_what_it_lacks(
    caches, tmp_path, capsys
):
    limit = int(0.6 * size_of(tmp_path, caches, "colour"))
    file, _ = carried(caches, tmp_path, limit, "colour")
    assert file.stat().st_size <= limit
    one, arrays = COLOUR
    assert np.array_equal(verified(one, "test")[0], arrays["test"][0])
    with noting() as seen:
        images, labels = verified(one, "train")
    said = seen["Colour train"]
    assert said.startswith("all 250 pictures, JPEG of quality ")
    assert said in capsys.readouterr().out
    assert images.shape == arrays["train"][0].shape and len(labels) == 250
    off = np.abs(images.astype(int) - arrays["train"][0])
    assert 0 < off.mean() < 10


def test_where_even_that_is_too_much_the_first_pictures_are_there_as_they_were(
    caches, tmp_path, monkeypatch
):
    monkeypatch.setattr(pack, "QUALITIES", ())
    limit = int(0.6 * size_of(tmp_path, caches, "colour"))
    carried(caches, tmp_path, limit, "colour")
    with noting() as seen:
        images, labels = verified(COLOUR[0], "train")
    expected, names = COLOUR[1]["train"]
    count = len(images)
    assert seen == {
        "Colour train": f"the first {count} of 250 pictures, lossless"
    } and count in (100, 200)
    assert np.array_equal(images, expected[:count])
    assert np.array_equal(labels, names[:count])


@pytest.mark.parametrize("side", [28, 32])
def test_a_picture_knows_nothing_of_its_neighbours_on_a_sheet(side):
    one = pictures(2, 3)[..., :side, :side]
    other = np.stack([one[0], 255 - one[1]])
    decoded = [
        pack._decoded([pack._encode(sheet, "JPEG of quality 50")], 2, (3, side, side))
        for sheet in map(pack._laid_out, (one, other))
    ]
    assert np.array_equal(decoded[0][0], decoded[1][0])
    assert not np.array_equal(decoded[0][1], decoded[1][1])


def test_a_licence_travels_with_each_set(caches, tmp_path, monkeypatch):
    monkeypatch.setitem(pack.TERMS, "grey", "grey has terms")
    file, _ = carried(caches, tmp_path, 10**9, "grey", "colour")
    with zipfile.ZipFile(file) as archive:
        text = archive.read("LICENCES.txt").decode()
    assert pack.TERMS.keys() > {"cifar-10", "mnist", "fashion-mnist"}
    assert "grey has terms" in text
    for name in ("grey", "colour"):
        assert f"{name.title()}. Licence: {name} is free to test with." in text


def test_what_is_complete_stays_and_is_preferred(caches, tmp_path):
    limit = int(0.6 * size_of(tmp_path, caches, "colour"))
    file = pack.pack(tmp_path / "data.pack", ["colour"], limit, lambda line: None)
    pack.unpack(file, lambda line: None)  # here, where all is
    images, _ = verified(COLOUR[0], "train")
    assert np.array_equal(images, COLOUR[1]["train"][0])


def test_a_part_that_was_damaged_in_the_cache_is_not_used(caches, tmp_path, capsys):
    limit = int(0.6 * size_of(tmp_path, caches, "colour"))
    carried(caches, tmp_path, limit, "colour")
    path = tmp_path / "there" / "colour" / "train.part.npz"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(MissingDataError):
        verified(COLOUR[0], "train")
    assert "is damaged" in capsys.readouterr().out


def spoiled_index(content):
    def spoil(archive):
        index = json.loads(archive["pack.json"])
        index["sets"]["grey"]["splits"]["train"]["checksum"] = "0"
        return archive | {"pack.json": json.dumps(index).encode()}

    return spoil(content)


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (spoiled_index, "is damaged: the train set of Grey differs"),
        (lambda c: {k: v for k, v in c.items() if "train-001" not in k}, "is damaged"),
        (lambda c: c | {"grey/test.labels": b"\0" * 30}, "the test set of Grey"),
        (lambda c: c | {"pack.json": b"{}"}, "is no pack of data"),
        (lambda c: {"hello": b"world"}, "is no pack of data"),
    ],
)
def test_a_damaged_pack_is_refused_before_anything_is_put_anywhere(
    harm, message, caches, tmp_path
):
    file = pack.pack(tmp_path / "data.pack", ["grey"], 10**9, lambda line: None)
    with zipfile.ZipFile(file) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in harm(content).items():
            archive.writestr(name, data)
    caches("there")
    with pytest.raises(PackError, match=message):
        pack.unpack(file)
    assert not (tmp_path / "there").exists()


@pytest.mark.parametrize("content", [b"", b"no pack", b"PK\3\4" + 60 * b"x"])
def test_a_file_that_is_no_pack_is_refused(content, tmp_path):
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(PackError, match="is no pack of data"):
        pack.unpack(tmp_path / "file")


def test_a_limit_that_the_test_set_does_not_fit_is_refused(caches, tmp_path):
    with pytest.raises(ValueError, match="limit must leave room for the test set of"):
        pack.pack(tmp_path / "data.pack", ["colour"], 20_000)
    assert not (tmp_path / "data.pack").exists()


@pytest.mark.parametrize("name", ["folder", "file/pack"])
def test_a_place_where_nothing_can_be_written_is_refused_before_data_are_fetched(
    tmp_path, monkeypatch, name
):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    monkeypatch.setattr(pack, "verified", lambda *_: pytest.fail("data were fetched"))
    with pytest.raises(OSError, match=str(tmp_path)):
        pack.pack(tmp_path / name, ["mnist"], 10**9)


def test_an_unknown_set_is_refused_by_name(tmp_path):
    with pytest.raises(ValueError, match="a set must be one of cifar-10, mnist"):
        pack.pack(tmp_path / "data.pack", ["imagenet"], 10**9)


@pytest.mark.parametrize(
    ("text", "size"),
    [("40MB", 40_000_000), ("1.5 GB", 1_500_000_000), ("3kB", 3000), ("12", 12)],
)
def test_a_limit_is_read_with_its_unit(text, size):
    assert limit_in_bytes(text) == size


@pytest.mark.parametrize("text", ["", "much", "-4MB", "0MB", "4 apples", "nan", "1e9"])
def test_a_limit_that_is_none_is_refused(text):
    with pytest.raises(ValueError, match="limit must be a positive number"):
        limit_in_bytes(text)


def test_the_commands_pack_and_unpack(caches, tmp_path, capsys):
    file = str(tmp_path / "data.pack")
    sets = ["--sets", "grey"]
    assert main(["data", "pack", file, "--limit", "1GB", *sets]) == 0
    caches("there")
    assert main(["data", "unpack", file]) == 0
    assert "Grey test: all 30 pictures, lossless, into" in capsys.readouterr().out
    assert main(["data", "unpack", f"{file}s"]) == 2
    assert main(["data", "pack", file, "--limit", "0MB", *sets]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2 and all(line.startswith("error: ") for line in said)


def test_a_result_says_which_data_it_saw(
    caches,
    laboratory,  # noqa: F811
    tmp_path,
    monkeypatch,
):
    limit = int(0.6 * size_of(tmp_path, caches, "colour"))
    carried(caches, tmp_path, limit, "colour")
    find = laboratory.find

    def reads(name):
        trial = find(name)

        def measure(seed, setting):
            verified(COLOUR[0], "train")
            return trial.measure(seed, setting)

        return type(trial)(name, "?", {"cpu": {}}, measure)

    monkeypatch.setattr(experiments, "find", reads)
    how = {"where": tmp_path, "device": "cpu", "report": lambda line: None}
    result = experiments.run("third", "cpu", seeds=(0, 1), **how)
    for seed in ("0", "1"):
        said = result.provenance[seed]["data"]["Colour train"]
        assert said.startswith("all 250 pictures, JPEG of quality")


def sources(module):
    """The text of a module of the experiments, and of those that it imports from."""
    text = inspect.getsource(module)
    for name in re.findall(rf"from ({experiments.__name__}\.[\w.]+) import", text):
        text += sources(import_module(name))
    return text


def test_the_data_of_a_plan_are_those_that_its_experiments_read(monkeypatch):
    class Asked(Exception):
        pass

    def verified(one, split):
        raise Asked(one.name)

    monkeypatch.setattr(complete, "verified", verified)
    for block in plans.PLANS["decisive"]:
        place = f"{experiments.__name__}.{experiments.MODULES[block.experiment]}"
        if block.experiment in plans.DATA:
            experiment = experiments.find(block.experiment)
            with pytest.raises(Asked, match=plans.DATA[block.experiment]):
                experiment.task(**options(experiment.config("decisive")))
        else:
            assert not re.search(r"\b(mnist|cifar10)\(", sources(import_module(place)))
    assert plans.data_of("decisive") == ["cifar-10", "mnist"]
    assert set(plans.data_of("decisive")) <= pack.SETS.keys()
