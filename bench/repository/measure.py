"""Real restic against Countersign and its peers: the same data, the same machine, the same run; everything over TLS.

Each round gives every store an empty repository and takes it through the phases below; the order of the stores changes
from round to round, and the median counts. All servers listen on loopback and keep their files on one disk. What is
compared are ratios within this run: seconds say something about the machine.
"""

import argparse
import os
import platform
import random
import shutil
import statistics
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/acceptance"))

import listing  # noqa: E402
from dataset import change, make  # noqa: E402
from stores import PEERS, Countersign, Folder  # noqa: E402

PHASES = ("backup", "second backup", "check --read-data", "restore", "forget --prune")
# As a multiple of the local directory; the phases in which a client waits for nothing but bytes.
TIMES_FOLDER = {"backup": 1.10, "restore": 1.10}
# As a multiple of the fastest peer. Two runs of one store differ by about as much as this leaves.
TIMES_PEER = 1.05
MEMORY = 100.0  # of the server, in MB of a million bytes
OBJECTS = 1_000_000  # that one list has
FIRST_BYTE = 0.05  # when a list's first byte comes, as a share of the time that all of it takes


def restic(binary, store, cache, *words):
    """Runs a command and gives its seconds."""
    os.sync()
    command = [binary, "--cache-dir", cache, "--repo", store.repository, *store.options, *words]
    begin = time.monotonic()
    done = subprocess.run([str(word) for word in command], env=os.environ | {"RESTIC_PASSWORD": "a benchmark's"},
                          capture_output=True, text=True)
    taken = time.monotonic() - begin
    if done.returncode:
        raise SystemExit(f"{store.name}: restic {words[0]} failed: {done.stderr}\n{store.log()}")
    return taken


def run(binary, store, data, home):
    """One store through all phases: what each took, in seconds, and its server's processor time in them."""
    cache, restored = home / "cache", home / "restored"
    for folder in (cache, restored):
        shutil.rmtree(folder, ignore_errors=True)
    data.rewind()
    restic(binary, store, cache, "init")
    # What the server does for hundreds of small objects is in the numbers, too; what a fresh cache costs is not.
    steps = {
        "backup": lambda: restic(binary, store, cache, "backup", "--quiet", data.path),
        "second backup": lambda: restic(binary, store, cache, "backup", "--quiet", data.path),
        "check --read-data": lambda: restic(binary, store, cache, "check", "--read-data"),
        "restore": lambda: restic(binary, store, cache, "restore", "latest", "--quiet", "--target", restored),
        "forget --prune": lambda: restic(binary, store, cache, "forget", "--keep-last", "1", "--prune", "--quiet"),
    }
    seconds, processor = {}, {}
    for phase in PHASES:
        if phase == "second backup":
            change(data)
        before = store.processor()
        seconds[phase] = steps[phase]()
        processor[phase] = store.processor() - before
    compare(data.path, restored / data.path.relative_to("/"))
    return seconds, processor


def compare(one, other):
    """Fails unless both folders hold the same."""
    done = subprocess.run(["diff", "-rq", one, other], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"what was restored differs:\n{done.stdout[:2000]}")


def measure(arguments, home):
    data = make(home / "data", arguments.megabytes * 1_000_000, arguments.files)
    stores = [Folder, Countersign, *PEERS]
    rounds = {each.name: [] for each in stores}
    memory = {}
    for at in range(arguments.rounds):
        order = stores[at % len(stores):] + stores[:at % len(stores)]
        for each in order:
            folder = home / "store"
            shutil.rmtree(folder, ignore_errors=True)
            with each(folder) as store:
                rounds[each.name].append(run(arguments.restic, store, data, home))
                memory[each.name] = max(memory.get(each.name, 0.0), store.memory())
            print(f"round {at + 1}, {each.name}: " + ", ".join(
                f"{phase} {seconds:.1f} s" for phase, seconds in rounds[each.name][-1][0].items()), flush=True)
    return rounds, memory


def median(rounds, name, part, phase):
    return statistics.median(each[part][phase] for each in rounds[name])


def report(arguments, rounds, memory, listed):
    """The table, and the limits that do not hold."""
    times = {name: {phase: median(rounds, name, 0, phase) for phase in PHASES} for name in rounds}
    lines = ["## The repository", "",
             f"{subprocess.check_output([arguments.restic, 'version'], text=True).split(' compiled')[0]}, "
             f"{arguments.megabytes} MB in {arguments.files} small files and some large incompressible ones, medians of "
             f"{arguments.rounds} rounds, seconds and (as a multiple of the local directory); "
             f"{os.cpu_count()} × {processor_name()}, {date.today()}.", "",
             "| store | " + " | ".join(PHASES) + " | server processor, backup / restore | server memory |",
             "|" + " --- |" * (len(PHASES) + 3)]
    for name, row in times.items():
        cells = [f"{row[phase]:.2f} ({row[phase] / times[Folder.name][phase]:.2f})" for phase in PHASES]
        used = " / ".join(f"{median(rounds, name, 1, phase):.1f} s" for phase in ("backup", "restore"))
        here = name == Folder.name
        cells += ["–" if here else used, "–" if here else f"{memory[name]:.0f} MB"]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    broken = []

    def limit(what, measured, most):
        verdict = "holds" if measured <= most else "DOES NOT HOLD"
        lines.append(f"- {what}, at most {most:.2f}: {measured:.2f}, **{verdict}**")
        if measured > most:
            broken.append(lines[-1])

    lines.append("")
    ours, peers = times[Countersign.name], [times[each.name] for each in PEERS]
    for phase in PHASES:
        limit(f"{phase}, against the fastest peer", ours[phase] / min(peer[phase] for peer in peers), TIMES_PEER)
    for phase, most in TIMES_FOLDER.items():
        limit(f"{phase}, against the local directory", ours[phase] / times[Folder.name][phase], most)
    limit("memory of the server in MB", memory[Countersign.name], MEMORY)
    first, all_of_it, size, peak = listed
    lines += ["", f"A list of {OBJECTS:,} objects, {size / 1e6:.0f} MB, takes {all_of_it:.1f} s; its first byte comes after "
              f"{first * 1000:.0f} ms.", ""]
    limit("the list's first byte, as a share of all", first / all_of_it, FIRST_BYTE)
    limit(f"memory of the server with {OBJECTS:,} objects in MB", peak, MEMORY)
    return "\n".join(lines) + "\n", broken


def processor_name():
    names = [line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
             if line.startswith("model name")]
    return names[0] if names else platform.machine()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--megabytes", type=int, default=2000)
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--restic", default=str(ROOT / "target/peers/usr/bin/restic"))
    parser.add_argument("--home", type=Path, default=ROOT / "target/bench-repository")
    arguments = parser.parse_args()
    shutil.rmtree(arguments.home, ignore_errors=True)
    arguments.home.mkdir(parents=True)
    try:
        measured = measure(arguments, arguments.home)
        text, broken = report(arguments, *measured, listing.measure(arguments.home / "listing", OBJECTS))
    finally:
        shutil.rmtree(arguments.home, ignore_errors=True)
    print("\n" + text)
    kept = ROOT / "target/bench/repository.md"
    kept.parent.mkdir(exist_ok=True)
    kept.write_text(text)
    if broken:
        raise SystemExit("limits that do not hold:\n" + "\n".join(broken))


if __name__ == "__main__":
    main()
