import json
import shutil
import socket
import subprocess
import sys

import pytest

from tl_helpers import doctor, files
from tl_helpers.__main__ import main


@pytest.fixture
def copy_of_data(tmp_path, monkeypatch):
    """The data and requirements in a place of their own, where a test may damage them."""
    data = tmp_path / "data"
    data.mkdir()
    for path in files.DATA.iterdir():
        if path.is_file():
            shutil.copy(path, data / path.name)
    shutil.copytree(files.DATA / "weights", data / "weights")
    shutil.copy(files.DATA.parent / "requirements.txt", tmp_path)
    monkeypatch.setattr(files, "DATA", data)
    # The models take seconds and have their own tests; the whole visit is tested once, below.
    monkeypatch.setattr(doctor, "_efficientnet", lambda: "left out")
    monkeypatch.setattr(doctor, "_minilm", lambda: "left out")
    return data


def lines(capsys, *outcomes):
    return [line for line in capsys.readouterr().out.splitlines() if line.startswith(outcomes)]


def test_a_whole_installation_passes():
    visit = subprocess.run(
        [sys.executable, "-m", "tl_helpers", "doctor"], capture_output=True, text=True, timeout=120
    )
    assert visit.returncode == 0, visit.stdout + visit.stderr
    listed = json.loads((files.DATA / "checksums.json").read_text())
    wanted = ["python", "torch", "timm", "memory", "device cpu", "model efficientnet_lite0"]
    for name in [*wanted, *(f"file {name}" for name in listed)]:
        assert f"  {name}: " in visit.stdout, name
    assert "FAIL" not in visit.stdout and visit.stderr == ""
    assert visit.stdout.endswith("The network is not needed.\n")


def test_one_line_a_check_and_a_status(copy_of_data, capsys):
    assert main(["doctor"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert all(line.startswith(("PASS  ", "NOTE  ")) for line in out[:-1])
    assert out[-1].startswith("All ")


def test_a_damaged_file_fails_with_its_remedy(copy_of_data, capsys):
    damaged = bytearray((copy_of_data / "digits.npz").read_bytes())
    damaged[1000] ^= 1
    (copy_of_data / "digits.npz").write_bytes(damaged)
    assert main(["doctor"]) == 1
    (line,) = lines(capsys, "FAIL")
    assert "file digits.npz" in line and "damaged" in line and "data/build/digits.py" in line


def test_a_missing_file_and_a_missing_package_fail(copy_of_data, capsys):
    (copy_of_data / "glyphs.npz").unlink()
    (copy_of_data.parent / "requirements.txt").write_text("torch\nno-such-package-here>=2\n")
    assert doctor.doctor() == 2
    package, file = lines(capsys, "FAIL")
    assert "no-such-package-here: is not installed" in package and "pip install" in package
    assert "glyphs.npz is missing" in file and "data/build/glyphs.py" in file


def test_a_missing_table_of_checksums_fails(copy_of_data, capsys):
    (copy_of_data / "checksums.json").unlink()
    assert doctor.doctor() == 1
    (line,) = lines(capsys, "FAIL")
    assert "checksums.json" in line and "git checkout" in line


def test_an_untested_version_is_noted_and_does_not_fail(copy_of_data, capsys):
    (copy_of_data.parent / "requirements.txt").write_text(
        "# a line to skip\n\ntorch>=99  # and a remark\n"
    )
    assert doctor.doctor() == 0
    (line,) = lines(capsys, "NOTE  torch")
    assert "outside the range" in line and ">=99" in line


def test_little_memory_is_noted(copy_of_data, capsys, monkeypatch):
    monkeypatch.setattr(doctor, "MEMORY_OF_A_LESSON", 10**6)
    assert doctor.doctor() == 0
    assert "close other programs" in lines(capsys, "NOTE  memory")[0]


def test_a_check_that_asks_for_the_network_fails(copy_of_data, capsys, monkeypatch):
    connect, resolve = socket.socket.connect, socket.getaddrinfo
    monkeypatch.setattr(doctor, "_minilm", lambda: socket.create_connection(("127.0.0.1", 9)))
    assert doctor.doctor() == 1
    assert (
        "model minilm: OSError: a connection to the network was tried" in lines(capsys, "FAIL")[0]
    )
    assert (socket.socket.connect, socket.getaddrinfo) == (connect, resolve)


def test_a_model_that_answers_wrongly_fails(copy_of_data, capsys, monkeypatch):
    monkeypatch.undo()
    from tl_helpers import models

    untrained = models.efficientnet_lite0

    def scratch(num_classes, image_size):
        return untrained(1000, pretrained=False, image_size=image_size)

    monkeypatch.setattr(models, "efficientnet_lite0", scratch)
    with pytest.raises(doctor.Problem, match="sees a .* where a palace is.*pip install"):
        doctor._efficientnet()


def test_an_unknown_command_is_refused(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["operate"])
    assert caught.value.code == 2 and "doctor" in capsys.readouterr().err
