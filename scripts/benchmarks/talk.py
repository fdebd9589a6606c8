"""A conversation of two: how fast it is, what it costs, and what is lost.

Each program talks to itself, over loopback and through pipes; talk_load.rs feeds both sides and looks
at every byte that comes out. Everything is pinned to one processor, and then once more not: with two
of them it depends on where the scheduler happens to put the threads, which changes figures by a
factor of two to ten from run to run. So the pinned figures are those to judge by.

    one way, both ways      MB/s, of text and of random bytes
    round trip              a line of 20 bytes from one's stdin to the other's stdout and back
    lines                   a second, of 20 bytes, when each is written by itself
    start                   from a program's start until its first line is at the friend's
    one ends first          whose input ends while the other's has not begun: what of that comes out

Beside nc, ncat and socat (as they are, and with threadchat's block size, `-b65536`) there are three
yardsticks, built here (bare/main.rs): one thread that polls, a thread for each direction, and threads
that hand buffers over through a coordinator. The last is what threadchat's design allows.
"""

import os
import subprocess

from common import build, fail, free_port, look_busy, median, need, processors

# Who is measured, in this order. `frames` and `trace` are threadchat with that option.
SUBJECTS = ["threadchat", "nc", "ncat", "socat", "socat-b64k", "poll", "pair", "handover",
            "frames", "trace", "explain"]

# How long a measurement may take, in seconds.
DEADLINE = 120

# The tables: title, the load's words, the columns (a figure's key, its heading, its format).
COSTS = [("cpu", "CPU ms", "{:.0f}"), ("switches", "switches", "{:.0f}")]
SPEED = [("mb_per_s", "MB/s", "{:.0f}"), *COSTS, ("memory", "peak MiB", "{:.1f}")]
TABLES = [
    ("one way, text", ["one-way"], SPEED),
    ("one way, random bytes", ["one-way", "--random"], SPEED),
    ("both ways, text", ["both-ways"], SPEED),
    ("both ways, random bytes", ["both-ways", "--random"], SPEED),
    ("round trip of a line of 20 bytes", ["round-trip"],
     [("p50_us", "p50 us", "{:.1f}"), ("p99_us", "p99 us", "{:.1f}"), *COSTS]),
    ("lines of 20 bytes, each written by itself", ["lines"],
     [("lines_per_s", "lines/s", "{:.0f}"), *COSTS]),
    ("start to the first line", ["start"],
     [("listen_ms", "listening, ms", "{:.1f}"), ("connect_ms", "calling, ms", "{:.1f}")]),
]
ENDS = [("the listener's input ends first", "listener-ends"),
        ("the caller's input ends first", "caller-ends")]


def arguments(parser):
    parser.add_argument("--rounds", type=int, default=7, help="how often; medians are shown (7)")
    parser.add_argument("--megabytes", type=int, default=200, help="in each direction (200)")
    parser.add_argument("--count", type=int, default=20_000, help="round trips, tenths of lines (20000)")
    parser.add_argument("--only", action="append", metavar="WAY",
                        help="a part of a table's title, as in: round, lines, both, ends")
    parser.add_argument("--subjects", default=",".join(SUBJECTS), help="; ".join(SUBJECTS))
    parser.add_argument("--beside", action="append", default=[], metavar="FILE",
                        help="another threadchat to measure, as an older build")
    parser.add_argument("--pinned", action="store_true", help="pinned only")
    parser.add_argument("--markdown", action="store_true", help="a table for the README at the end")
    parser.add_argument("--quick", action="store_true", help="a few seconds: only that it works")


def bench(args):
    need("cargo", "taskset")
    subjects = [name for name in args.subjects.split(",") if name]
    unknown = set(subjects) - set(SUBJECTS)
    if unknown:
        fail(f"there is no subject {', '.join(sorted(unknown))}; there are: {', '.join(SUBJECTS)}")
    need(*sorted({name.partition("-")[0] for name in subjects} & {"nc", "ncat", "socat"}))
    subjects[1:1] = args.beside
    if args.quick:
        args.rounds, args.megabytes, args.count = 1, 10, 500
    wanted = lambda title: not args.only or any(part in title for part in args.only)
    binaries = build("talk_load", "bare")
    core, _ = processors()
    look_busy()
    kept = {}
    for pinned in [True] if args.pinned else [True, False]:
        print(f"\n=== pinned to processor {core}" if pinned else "\n=== not pinned")
        taskset = ["taskset", "-c", core] if pinned else []
        for title, words, columns in TABLES:
            if not wanted(title):
                continue
            able = [subject for subject in subjects if can(subject, words)]
            results = {subject: [] for subject in able}
            for _ in range(args.rounds):
                for subject in able:
                    results[subject].append(measure(taskset, words, subject, binaries, args))
            table(title, able, columns, results)
            kept[pinned, title] = results
        if pinned and wanted("ends"):
            kept["ends"] = ends(taskset, subjects, binaries, args)
    if args.markdown:
        markdown(kept, subjects)
    look_busy()


def can(subject, words):
    """Frames hold text only, and the load speaks lines where it is the friend itself."""
    return subject != "frames" or not {"--random", "start"} & set(words)


def ends(taskset, subjects, binaries, args):
    """Every subject in both orders; whether anything is lost is not a matter of medians."""
    print("\none ends first: how much of the other's input came out, and how both sides ended")
    results = {}
    for title, way in ENDS:
        print(f"  {title}")
        for subject in subjects:
            runs = [measure(taskset, [way], subject, binaries, args)
                    for _ in range(min(args.rounds, 3))]
            worst = min(runs, key=lambda run: run.get("came", 0.0))
            results[way, subject] = worst.get("came", 0.0) / worst.get("of", 1.0)
            exits = f"listener {worst.get('listener_exit')}, caller {worst.get('caller_exit')}"
            note = worst.get("failed") or f"{results[way, subject]:8.2%}   exit codes: {exits}"
            print(f"    {os.path.basename(subject):12.12}{note}", flush=True)
    return results


def measure(taskset, words, subject, binaries, args):
    """One conversation: its figures, or {"failed": why}."""
    port = free_port()
    listener, caller = commands(subject, binaries, port)
    load = [os.path.join(binaries, "examples", "talk_load"), *words, "--port", str(port),
            "--megabytes", str(args.megabytes),
            "--count", str(10 * args.count if words[0] == "lines" else args.count)]
    try:
        done = subprocess.run([*taskset, *load, "--", *listener, "--", *caller],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              timeout=DEADLINE)
    except subprocess.TimeoutExpired:
        # The load has died; its two programs see that their pipes have.
        return {"failed": f"not done after {DEADLINE} s"}
    if done.returncode != 0:
        return {"failed": done.stderr.strip() or f"exit code {done.returncode}"}
    result = {}
    for word in done.stdout.split():
        key, _, value = word.partition("=")
        result[key] = value if key.endswith("_exit") else float(value)
    if "listener_cpu_s" in result:
        sides = ("listener", "caller")
        result["cpu"] = 1000 * sum(result[f"{side}_cpu_s"] for side in sides)
        result["switches"] = sum(result[f"{side}_switches"] for side in sides)
        result["memory"] = max(result[f"{side}_peak_kib"] for side in sides) / 1024
    if result.get("more"):
        result["failed"] = f"{result['more']:.0f} bytes too many came out"
    return result


def commands(subject, binaries, port):
    """Of the listener, and of the caller."""
    address = f"127.0.0.1:{port}"
    # -N: to close the sending half when its input ends, as the others do.
    if subject == "nc":
        return ["nc", "-N", "-l", "127.0.0.1", str(port)], ["nc", "-N", "127.0.0.1", str(port)]
    if subject == "ncat":
        return ["ncat", "-l", "127.0.0.1", str(port)], ["ncat", "127.0.0.1", str(port)]
    if subject.startswith("socat"):
        block = ["-b65536"] if subject == "socat-b64k" else []
        return (["socat", *block, "-", f"TCP-LISTEN:{port},bind=127.0.0.1,reuseaddr"],
                ["socat", *block, "-", f"TCP:{address}"])
    if subject in ("poll", "pair", "handover"):
        bare = [os.path.join(binaries, "examples", "bare"), subject]
        return [*bare, "listen", address], [*bare, "connect", address]
    options = {"frames": ["--wire", "frames"], "trace": ["--trace", os.devnull],
               "explain": ["--explain"]}.get(subject, [])
    known = subject in SUBJECTS
    program = os.path.join(binaries, "threadchat") if known else subject
    return [program, "listen", address, *options], [program, "connect", address, *options]


def table(title, subjects, columns, results):
    print(f"\n{title}")
    headings = "".join(f"{heading:>14}" + (f"{'of threadchat':>15}" if first else "")
                       for first, (_, heading, _) in zip([True] + [False] * 9, columns))
    print(f"  {'':12}{headings}")
    yardstick = median(results[subjects[0]], columns[0][0])
    for subject in subjects:
        runs = results[subject]
        figures = ""
        for first, (key, _, form) in zip([True] + [False] * 9, columns):
            value = median(runs, key)
            figures += f"{form.format(value):>14}"
            if first:
                figures += f"{value / yardstick:>15.2f}"
        failures = [run["failed"] for run in runs if "failed" in run]
        note = f"   {len(failures)} of {len(runs)} failed: {failures[0]}" if failures else ""
        print(f"  {os.path.basename(subject):12.12}{figures}{note}", flush=True)


def markdown(kept, subjects):
    """The table of the README: each subject's figures, pinned and not."""
    shown = [("one way, text", "mb_per_s", "one way, MB/s", "{:.0f}"),
             ("both ways, text", "mb_per_s", "both ways, MB/s", "{:.0f}"),
             ("round trip of a line of 20 bytes", "p50_us", "round trip, us", "{:.0f}"),
             ("lines of 20 bytes, each written by itself", "lines_per_s", "1000 lines/s", "{:.0f}"),
             ("start to the first line", "connect_ms", "start, ms", "{:.1f}"),
             ("both ways, text", "memory", "memory, MiB", "{:.1f}")]
    for pinned in (True, False):
        if not any(key[0] == pinned for key in kept if key != "ends"):
            continue
        print(f"\n{'pinned' if pinned else 'not pinned'}\n")
        print("| | " + " | ".join(heading for _, _, heading, _ in shown) + " | one ends first |")
        print("|---" * (len(shown) + 2) + "|")
        for subject in subjects:
            cells = []
            for title, key, _, form in shown:
                value = median(kept.get((pinned, title), {}).get(subject, []), key)
                cells.append(form.format(value / 1000 if key == "lines_per_s" else value))
            came = [kept.get("ends", {}).get((way, subject)) for _, way in ENDS]
            cells.append(", ".join("?" if share is None else "whole" if share == 1
                                   else f"{share:.0%}" for share in came))
            print(f"| {os.path.basename(subject)} | " + " | ".join(cells) + " |")
