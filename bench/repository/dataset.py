"""What is backed up: many small files, of which half compress, and a few large ones that do not; the same in every run."""

import random
from dataclasses import dataclass
from pathlib import Path

SEED = 6
SMALL = 0.4  # the share of all bytes that small files have
LARGE = 8  # large files
CHANGED = 0.05  # the share of small files that the second backup finds changed; one large file is, too

WORDS = [f"word{number} ".encode() for number in range(4000)]


@dataclass
class Data:
    path: Path
    small: list
    large: list
    changed: bool = False

    def rewind(self):
        """Back to what it was before `change`."""
        if self.changed:
            write_some(self, SEED)
            self.changed = False


def content(noise, size, compresses):
    if not compresses:
        return noise.randbytes(size)
    text = b"".join(noise.choices(WORDS, k=size // 4 + 1))
    return text[:size]


def write_small(path, number, size, seed):
    noise = random.Random(seed * 1_000_003 + number)
    path.write_bytes(content(noise, size, number % 2 == 0))


def write_large(path, number, size, seed):
    noise = random.Random(seed * 7_000_003 + number)
    with path.open("wb") as file:
        while size > 0:
            size -= file.write(noise.randbytes(min(size, 1 << 22)))


def make(path, size, files):
    """Fills a new folder with about so many bytes."""
    sizes = random.Random(SEED)
    mean = size * SMALL / files
    small = []
    for number in range(files):
        folder = path / f"{number % 100:02}" / f"{number // 100 % 20:02}"
        folder.mkdir(parents=True, exist_ok=True)
        small.append((folder / f"file-{number}", number, int(min(sizes.expovariate(1 / mean), 8 * mean))))
    large = [(path / f"large-{number}", number, int(size * (1 - SMALL) / LARGE)) for number in range(LARGE)]
    for each in small:
        write_small(*each, SEED)
    for each in large:
        write_large(*each, SEED)
    return Data(path, small, large)


def write_some(data, seed):
    every = int(1 / CHANGED)
    for each in data.small[::every]:
        write_small(*each, seed)
    write_large(*data.large[0], seed)


def change(data):
    """What happened since yesterday."""
    write_some(data, SEED + 1)
    data.changed = True
