"""Hashes that are the same in every process, engine and release: partitions and fingerprints.

Integers are scrambled by the finalizer of SplitMix64; text is FNV-1a (64 bits) over its UTF-8
bytes, scrambled likewise. Python's own `hash` changes from process to process, and those of
dataframe libraries from release to release.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.kernels.blocks import blocks
from tfp_index.panel.frames import FrameReader

__all__ = ["Rows", "hash_labels", "hash_numbers", "partition_of", "row_hashes"]

Hashes = NDArray[np.uint64]
Rows = NDArray[np.int64]

_FNV_BASIS = np.uint64(0xCBF29CE484222325)
_FNV_PRIME = np.uint64(0x100000001B3)
_GOLDEN = 0x9E3779B97F4A7C15
_MISSING = np.uint64(0x6D697373696E6721)


def mix(values: Hashes) -> Hashes:
    """Scramble 64-bit integers (finalizer of SplitMix64); equal ones stay equal.

    Examples
    --------
    >>> hex(int(mix(np.array([1], np.uint64))[0]))
    '0x5692161d100b05e5'
    """
    z = values ^ (values >> np.uint64(30))
    z *= np.uint64(0xBF58476D1CE4E5B9)
    z ^= z >> np.uint64(27)
    z *= np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return z


def hash_numbers(values: NDArray[Any]) -> Hashes:
    """Hash integers by their value, floats by their bits (−0 as 0, every NaN as one)."""
    out = np.empty(values.shape[0], np.uint64)
    for block in blocks(values.shape[0]):
        part = values[block]
        if values.dtype.kind == "f":
            part = part.astype(np.float64) + 0.0
            part[np.isnan(part)] = np.nan
            out[block] = mix(part.view(np.uint64))
        else:
            out[block] = mix(part.astype(np.int64).view(np.uint64))
    return out


def hash_text(texts: list[bytes]) -> Hashes:
    """Hash byte strings by FNV-1a, scrambled.

    Examples
    --------
    >>> hex(int(hash_text(["Hạ Long".encode()])[0]))
    '0xdc62393c46620cea'
    """
    out = np.empty(len(texts), np.uint64)
    for block in blocks(len(texts), 8192):
        part = texts[block]
        sizes = np.fromiter(map(len, part), np.int64, len(part))
        data = np.frombuffer(b"".join(part), np.uint8)
        starts = np.cumsum(sizes) - sizes
        state = np.full(sizes.size, _FNV_BASIS)
        live = np.flatnonzero(sizes)
        place = 0
        while live.size:
            state[live] = (state[live] ^ data[starts[live] + place]) * _FNV_PRIME
            place += 1
            live = live[sizes[live] > place]
        out[block] = state
    return mix(out)


def hash_labels(labels: NDArray[Any]) -> Hashes:
    """Hash labels of keys: whole numbers by value, everything else by its text.

    Examples
    --------
    >>> same = hash_labels(np.array([7])), hash_labels(np.array([7.0, True], object))
    >>> bool(same[0][0] == same[1][0])
    True
    """
    if labels.dtype.kind in "iu":
        return hash_numbers(labels)
    listed = labels.tolist()
    if all(type(label) is str for label in listed):
        return hash_text([label.encode("utf-8", "surrogatepass") for label in listed])
    whole = [_whole(label) for label in listed]
    out = hash_text([str(label).encode("utf-8", "surrogatepass") for label in listed])
    at = [place for place, value in enumerate(whole) if value is not None]
    if at:
        out[at] = hash_numbers(np.array([whole[place] for place in at], np.int64))
    return out


def _whole(label: Any) -> int | None:
    if isinstance(label, (bool, int, np.integer, np.bool_)):
        return int(label) if -(2**63) <= int(label) < 2**63 else None
    if isinstance(label, (float, np.floating)) and float(label).is_integer():
        return int(label) if abs(float(label)) < 2**53 else None
    return None


def hash_keys(reader: FrameReader, name: str) -> tuple[Hashes, NDArray[np.bool_]]:
    """Return the hash of each entry of a key column, and which entries are missing."""
    keys = reader.keys(name) if reader.is_integer(name) else None
    if keys is not None and keys.dtype.kind == "i":
        return hash_numbers(keys), np.zeros(keys.shape[0], bool)
    codes, labels = reader.coded(name)
    table = np.append(hash_labels(labels), _MISSING)
    return table[codes], codes < 0


def partition_of(hashes: Hashes, missing: NDArray[np.bool_], partitions: int) -> Rows:
    """Return the partition of each row; rows without an entity stand in the first."""
    part = (hashes % np.uint64(partitions)).astype(np.int64)
    part[missing] = 0
    return part


def row_hashes(reader: FrameReader, keys: tuple[str, ...], numeric: tuple[str, ...]) -> Hashes:
    """Return two sums (modulo 2⁶⁴) over the rows' hashes: the same for any order of the rows.

    Parameters
    ----------
    keys, numeric : tuple of str
        Columns, in an order that is part of what is hashed.
    """
    state = np.zeros(len(reader), np.uint64)
    for place, name in enumerate((*keys, *numeric), start=1):
        column = hash_keys(reader, name)[0] if name in keys else hash_numbers(reader.numbers(name))
        salt = np.uint64(_GOLDEN * place % 2**64)
        for block in blocks(len(reader)):
            state[block] = mix(state[block] ^ (column[block] + salt))
    second = mix(state + np.uint64(_GOLDEN))
    return np.array([state.sum(dtype=np.uint64), second.sum(dtype=np.uint64)], np.uint64)


def digest(lanes: Hashes, rows: int, names: Mapping[str, str]) -> str:
    """Return the fingerprint of `row_hashes` added up over all rows."""
    text = f"{rows} {sorted(names.items())} {[int(lane) for lane in lanes]}"
    return hashlib.sha256(text.encode()).hexdigest()
