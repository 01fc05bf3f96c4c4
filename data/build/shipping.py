"""What the build scripts share: write arrays so that the same arrays give the same file."""

import hashlib
import io
import json
import zipfile
from pathlib import Path

import numpy as np

DATA = Path(__file__).resolve().parent.parent
CHECKSUMS = DATA / "checksums.json"


def write(name, arrays, licence, command):
    """Write {key: array} to data/NAME and its SHA-256 to data/checksums.json.

    The time stamps inside the file are fixed, so that only the arrays and the compression library
    decide the SHA-256.
    """
    path = DATA / name
    with zipfile.ZipFile(path, "w") as archive:
        for key, array in arrays.items():
            content = io.BytesIO()
            np.save(content, array, allow_pickle=False)
            entry = zipfile.ZipInfo(f"{key}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            archive.writestr(entry, content.getvalue(), zipfile.ZIP_DEFLATED, compresslevel=9)
    known = json.loads(CHECKSUMS.read_text()) if CHECKSUMS.exists() else {}
    known[name] = {
        "path": name,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "licence": licence,
        "remedy": f"Get it back with: git checkout -- data/{name}, or build it with: {command}",
    }
    CHECKSUMS.write_text(json.dumps(dict(sorted(known.items())), indent=2) + "\n")
    print(f"{path.name}: {path.stat().st_size / 1e6:.1f} MB, {known[name]['sha256']}")
    for word in ("train", "valid", "test"):
        counts = np.bincount(arrays[f"{word}_labels"])
        pairs = zip(arrays["class_names"], counts, strict=True)
        print(f"  {word} {counts.sum()}:", ", ".join(f"{name} {n}" for name, n in pairs))
