"""What is said comes out also where the output cannot write every sign."""

import os
import subprocess
import sys

CODE = """
import tl_helpers as tl
tl.start()
tl.claim("5 labels are enough", True)
tl.measured("accuracy", [0.5, 0.6])
tl.exercises.progress()
rows = [[float(i % 9)] for i in range(12)]
print(tl.data.Task.from_arrays(rows, [0, 1, 0] * 4))
"""


def test_a_file_on_windows_takes_what_the_package_says(tmp_path):
    with open(tmp_path / "said.txt", "wb") as file:
        done = subprocess.run(
            [sys.executable, "-c", CODE],
            stdout=file,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONIOENCODING": "cp1252"},
            timeout=120,
        )
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    said = (tmp_path / "said.txt").read_text("cp1252")
    assert "? 5 labels are enough" in said and "accuracy: ? 55.0 %" in said
