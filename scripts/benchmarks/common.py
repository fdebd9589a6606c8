"""What both benchmarks need: building, finding tools, and knowing the machine."""

import json
import os
import shutil
import socket
import statistics
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# What a tool is in, where it is missing.
PACKAGES = {"cargo": "https://rustup.rs", "taskset": "util-linux", "ncat": "ncat, or nmap",
            "nc": "netcat-openbsd", "socat": "socat"}


def fail(why):
    sys.exit(f"scripts/bench: {why}")


def need(*tools):
    missing = [tool for tool in tools if shutil.which(tool) is None]
    if missing:
        fail("; ".join(f"{tool} is missing (it is in {PACKAGES[tool]})" for tool in missing))


def build(*examples):
    """Builds threadchat and these examples, and gives back the directory they are in."""
    cargo = ["cargo", "build", "--release", "--locked", "--quiet"]
    wanted = [word for example in examples for word in ("--example", example)]
    for command in (cargo + ["--bins"], cargo + wanted):
        if subprocess.run(command, cwd=ROOT).returncode != 0:
            fail("could not be built")
    command = ["cargo", "metadata", "--no-deps", "--format-version", "1", "--locked"]
    metadata = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    return os.path.join(json.loads(metadata.stdout)["target_directory"], "release")


def processors():
    """For the server, and for the load."""
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) == 1:
        print("there is one processor only: server and load share it")
    return str(allowed[0]), str(allowed[-1])


def look_busy():
    """Says so where somebody else is at work: the figures are worth little then."""
    load = os.getloadavg()[0]
    if load > 0.5:
        print(f"the machine is busy (load {load:.1f}): these figures say little")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def median(runs, key):
    values = [run[key] for run in runs if key in run]
    return statistics.median(values) if values else float("nan")
