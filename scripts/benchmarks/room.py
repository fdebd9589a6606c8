"""A room beside `ncat -l --chat`, and beside a bare program that has two threads for each member and
nothing else (bare/room.rs). The server has one processor for itself, the load generator
(room_load.rs) another."""

import os
import resource
import subprocess
import sys
import threading
import time

from common import (build, fail, free_port, look_busy, median, need, processors)

# How long a server may take to listen, in seconds.
START = 10

# The ways of talking: what they are called in the table, and how the load generator is told.
ONE, BULK, BLOCKS = "one line at a time", "bulk, a send a line", "bulk, 16 KiB a send"
WAYS = {ONE: ["--only", "one"], BULK: ["--only", "bulk"],
        BLOCKS: ["--only", "bulk", "--send", "16384"]}


def arguments(parser):
    parser.add_argument("--members", default="10,100,500,1000", help="sizes (10,100,500,1000)")
    parser.add_argument("--rounds", type=int, default=3, help="how often; medians are shown (3)")
    parser.add_argument("--seconds", type=float, default=2.0, help="for each measurement (2)")
    parser.add_argument("--speakers", type=int, default=4, help="how many speak, in bulk (4)")
    parser.add_argument("--without", action="append", default=[], help="leave ncat or bare out")
    parser.add_argument("--beside", action="append", default=[], metavar="FILE",
                        help="another threadchat to measure, as an older build")
    parser.add_argument("--quick", action="store_true", help="a few seconds: only that it works")


def bench(args):
    need("cargo", "taskset")
    subjects = [name for name in ("threadchat", "ncat", "bare") if name not in args.without]
    subjects[1:1] = args.beside
    if "ncat" in subjects:
        need("ncat")
    if args.quick:
        args.members, args.rounds, args.seconds = "10,50", 1, 0.2
    try:
        sizes = [int(size) for size in args.members.split(",")]
    except ValueError:
        fail(f"--members takes sizes, as in 10,100, and not {args.members}")
    if min(sizes) < 2:
        fail("a room for --members has 2 at least")
    raise_limit(max(sizes))
    binaries = build("room_load", "bare")
    server_on, load_on = processors()
    look_busy()
    results = {}
    for members in sizes:
        for way in WAYS:
            for _ in range(args.rounds):
                for subject in subjects:
                    command = server_command(subject, binaries, members)
                    load = [os.path.join(binaries, "examples", "room_load"), *WAYS[way],
                            "--members", str(members), "--seconds", str(args.seconds),
                            "--speakers", str(args.speakers)]
                    result = measure(["taskset", "-c", server_on, *command], subject,
                                     ["taskset", "-c", load_on, *load])
                    results.setdefault((members, way, subject), []).append(result)
            table(members, way, subjects, results)
    memory_table(sizes, subjects, results)
    look_busy()


def raise_limit(members):
    """A member is a descriptor of the server's and one of the load generator's."""
    wanted = members + 64
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard not in (resource.RLIM_INFINITY,) and hard < wanted:
        fail(f"{members} members want {wanted} descriptors each, and ulimit -Hn is {hard}")
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def server_command(subject, binaries, members):
    port = free_port()
    if subject == "ncat":
        return ["ncat", "-l", "-k", "--chat", "-m", str(members + 100), "127.0.0.1", str(port)]
    if subject == "bare":
        return [os.path.join(binaries, "examples", "bare"), "room", f"127.0.0.1:{port}"]
    program = os.path.join(binaries, "threadchat") if subject == "threadchat" else subject
    return [program, "listen", f"127.0.0.1:{port}", "--room", "--max-members", str(members)]


def measure(server, subject, load):
    """One server, one load: the load generator's figures, or {"failed": why}."""
    address = next(word for word in server if word.startswith("127.0.0.1"))
    port = int(address.partition(":")[2] or server[-1])
    with open(os.devnull, "r+b") as null:
        process = subprocess.Popen(server, stdin=null, stdout=null, stderr=subprocess.PIPE)
    # Read to the end, or a server with much to say would have to wait. The end is its exit.
    try:
        if not listens(process, port):
            fail(f"{subject} does not listen on port {port}")
        # taskset becomes the server: it is the same process.
        load = load + [f"127.0.0.1:{port}", "--pid", str(process.pid)]
        notices = Drain(process.stderr)
        done = subprocess.run(load, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if done.returncode != 0:
            return {"failed": done.stderr.strip() or f"exit code {done.returncode}"}
        words = (word.partition("=") for word in done.stdout.split())
        result = {key: float(value) for key, _, value in words if key != "way"}
        # What the server's processor did is the same whoever else is at work on the machine.
        lines = result["per_second"] * result["seconds"]
        result["per_worked"] = lines / max(result["worked"], 0.01)
        return result
    finally:
        process.terminate()
        try:
            process.wait(START)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Drain:
    """Takes what a server says on stderr, so that it never has to wait."""

    def __init__(self, stream):
        threading.Thread(target=self.run, args=(stream,), daemon=True).start()

    @staticmethod
    def run(stream):
        for _ in stream:
            pass
        stream.close()


def listens(process, port):
    """Looks into the system's own table: to call and hang up would be a member that leaves."""
    wanted = f"0100007F:{port:04X} 00000000:0000 0A"
    until = time.monotonic() + START
    while time.monotonic() < until and process.poll() is None:
        with open("/proc/net/tcp", encoding="ascii") as sockets:
            if wanted in sockets.read():
                return True
        time.sleep(0.01)
    return False


def total(runs, key):
    return sum(int(run.get(key, 0)) for run in runs)


def table(members, way, subjects, results):
    print(f"\n{members} members, {way}")
    print(f"  {'':12}{'1000/s':>10}{'of ncat':>9}{'a CPU s':>10}{'of ncat':>9}"
          f"{'p50 us':>10}{'p99 us':>10}"
          f"{'unlabelled':>12}{'broken':>9}{'disorder':>9}{'missing':>9}  {'dropped':>7}  note")
    yardstick = results.get((members, way, "ncat"), [])
    for subject in subjects:
        runs = results[members, way, subject]
        rate, to_ncat = median(runs, "per_second"), ratio(runs, yardstick, "per_second")
        work, work_to_ncat = median(runs, "per_worked"), ratio(runs, yardstick, "per_worked")
        lines = max(1, total(runs, "expected"))
        share = lambda key: percent(total(runs, key) / lines)
        notes = [run["failed"] for run in runs if "failed" in run]
        expired = total(runs, "expired")
        if expired:
            notes.append(f"{expired} of {len(runs)} rounds did not end in time")
        name = os.path.basename(subject)
        print(f"  {name:12.12}{rate / 1000:10.0f}{to_ncat:9.2f}"
              f"{work / 1000:10.0f}{work_to_ncat:9.2f}"
              f"{median(runs, 'p50_us'):10.0f}{median(runs, 'p99_us'):10.0f}"
              f"{share('unlabelled'):>12}{share('broken'):>9}{share('disordered'):>9}"
              f"{share('missing'):>9}  {total(runs, 'lost_members'):7}  {'; '.join(notes)}")
    sys.stdout.flush()


def ratio(runs, yardstick, key):
    """Of the medians; nan where there is nothing to compare with."""
    return median(runs, key) / (median(yardstick, key) or float("nan"))


def percent(share):
    return "-" if share == 0 else f"{100 * share:.2f} %"


def memory_table(sizes, subjects, results):
    print("\nmemory (VmRSS) and threads")
    print(f"  {'':12}{'members':>8}{'empty KiB':>11}{'joined KiB':>12}{'peak KiB':>10}"
          f"{'a member, at peak':>19}{'threads':>9}")
    for members in sizes:
        for subject in subjects:
            runs = [run for way in WAYS for run in results[members, way, subject]]
            empty, joined = median(runs, "rss_empty_kib"), median(runs, "rss_joined_kib")
            peak = max((run.get("rss_peak_kib", 0) for run in runs), default=0)
            name = os.path.basename(subject)
            print(f"  {name:12.12}{members:8}{empty:11.0f}{joined:12.0f}{peak:10.0f}"
                  f"{(peak - empty) / members:15.1f} KiB{median(runs, 'threads'):9.0f}")
