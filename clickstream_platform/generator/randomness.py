"""Random streams and ids that follow from the seed alone."""

from __future__ import annotations

from zlib import crc32

import numpy as np

_DASHES = np.array([8, 13, 18, 23])
_DIGITS = np.setdiff1d(np.arange(36), _DASHES)


def stream(seed: int, purpose: str, *numbers: int) -> np.random.Generator:
    """The random stream of one purpose; streams of other purposes or numbers are independent."""
    return np.random.default_rng([seed, crc32(purpose.encode()), *numbers])


def scrambled(values: np.ndarray, salt: int) -> np.ndarray:
    """64 well-mixed bits per value, different for different values.

    Source: Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators (the splitmix64
        finaliser, which is a bijection).
    """
    with np.errstate(over="ignore"):
        z = values.astype(np.uint64) + np.uint64(salt & 0xFFFFFFFFFFFFFFFF)
        z = z * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def uuid_texts(rng: np.random.Generator, count: int) -> np.ndarray:
    """`count` random texts in the shape of a UUID, as an object array."""
    hexed = np.frombuffer(rng.bytes(16 * count).hex().encode(), dtype=np.uint8)
    grid = np.full((count, 36), ord("-"), dtype=np.uint8)
    grid[:, _DIGITS] = hexed.reshape(count, 32)
    text = grid.tobytes().decode("ascii")
    ids = np.empty(count, dtype=object)
    ids[:] = [text[start : start + 36] for start in range(0, 36 * count, 36)]
    return ids
