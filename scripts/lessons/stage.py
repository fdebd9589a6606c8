"""The stage that the lessons play on: it starts the programs, watches them, and prints.

A lesson is a function that is given a `Stage`. It waits for lines and for states (a thread that
is blocked in a call, bytes that wait in a socket), never for the clock; a deadline only turns
what never happens into a failure. What it claims it has seen: `seen` prints a sentence if what
it says is true, and ends the lesson with exit code 1 if it is not.

Every program is started in a session of its own and ended by its process id, however the lesson
ends. Wants Linux (it looks into /proc) and Python 3.8 or later, and no package.
"""

import argparse
import atexit
import codecs
import collections
import fcntl
import json
import os
import platform
import pty
import random
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import textwrap
import threading
import time
import tty

from screen import Screen

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))

# The programs leave a signal alone that is ignored when they start, as it is for what a script runs with
# `&`. On a stage each is heard.
for heard in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGTERM):
    if signal.getsignal(heard) == signal.SIG_IGN:
        signal.signal(heard, signal.SIG_DFL)

# After this many seconds without the state that a lesson waits for, it has failed.
DEADLINE = 60

# Narrow, so that the print can be large. A screen in a lesson fits in behind its margin.
WIDTH = 72
SCREEN = 64

# What `/proc/PID/syscall` calls the calls that a thread blocks in.
CALLS = {
    "x86_64": {0: "read", 1: "write", 7: "poll", 23: "select", 35: "nanosleep", 43: "accept",
               44: "send", 45: "recv", 202: "futex", 230: "nanosleep", 270: "select",
               271: "poll", 288: "accept", 449: "futex"},
    "aarch64": {63: "read", 64: "write", 72: "select", 73: "poll", 98: "futex", 101: "nanosleep",
                115: "nanosleep", 202: "accept", 206: "send", 207: "recv", 242: "accept",
                449: "futex"},
}.get(platform.machine(), {})

# The states of a TCP socket that lessons ask for, as `/proc/net/tcp` numbers them.
TIME_WAIT, LISTEN = 6, 10


class NotSeen(Exception):
    """Something that a lesson claims was not there to be seen."""


class NobodyLooks(Exception):
    """Nobody reads what is shown any more, as with `| head`."""


def lesson(number, title, look, play, remember):
    """Plays one lesson from the command line. `look` and `remember` are sentences."""
    parser = argparse.ArgumentParser(description=f"Lesson {number} of threadchat: {title}.")
    parser.add_argument("--no-pause", action="store_true",
                        help="do not wait for Enter between the parts")
    parser.add_argument("--transcript", metavar="FILE",
                        help="where what is shown is kept as well (at a terminal "
                             "lesson-NN.txt here, otherwise in a new directory)")
    options = parser.parse_args()
    if not os.path.isdir("/proc/self/task"):
        sys.exit("the lessons look into /proc, which only Linux has")
    pause = not options.no_pause and sys.stdin is not None and sys.stdin.isatty()
    stage = Stage(transcript_path(number, options.transcript, pause), pause)

    def parts():
        stage.chat = find_threadchat()
        stage.heading(f"Lesson {number}: {title}", "=")
        stage.say("What to look at:")
        for sentence in look:
            stage.point(sentence)
        if not (CALLS and read_proc("self/syscall")):
            stage.print()
            stage.say("(This system does not tell which call a thread is blocked in. Where a "
                      "call is named here, the thread was seen to sleep, and no more.)")
        play(stage)
        stage.part("To remember")
        for sentence in remember:
            stage.say(sentence)
        stage.print()
        stage.say(f"Seen: all {stage.claims} claims of this lesson.")
        stage.print(f"transcript: {stage.transcript.name}")
    sys.exit(perform(stage, f"lesson {number}", parts))


def perform(stage, name, parts):
    """Calls `parts`, ends whatever runs afterwards, and gives back the exit code."""
    # Also where whoever started this has had Ctrl-C ignored, as a shell does behind a `&`.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for caught in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(caught, lambda number, _: sys.exit(128 + number))
    try:
        parts()
        return 0
    except (NotSeen, OSError) as why:
        print(f"{name}: not seen: {why}", file=sys.stderr)
        for program in stage.programs:
            print(program.report(), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print()
        return 130
    except NobodyLooks:
        # What Python still holds for stdout must not be an error once more, at the exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1
    finally:
        stage.end()


def transcript_path(number, wanted, pause):
    if wanted:
        return wanted
    name = f"lesson-{number:02}.txt"
    if pause and os.access(".", os.W_OK):
        return os.path.abspath(name)
    return os.path.join(tempfile.mkdtemp(prefix="threadchat-lesson-"), name)


def until(what, look):
    """Looks again and again until `look` gives something true, and gives that back."""
    deadline = time.monotonic() + DEADLINE
    while True:
        value = look()
        if value:
            return value
        if time.monotonic() > deadline:
            raise NotSeen(f"it never came to this: {what}")
        # Between two looks, so that looking does not take the processor from what is watched.
        time.sleep(0.002)


class Stage:
    """What is shown, what is started, and what was claimed."""

    def __init__(self, transcript, pause):
        self.transcript = open(transcript, "w", encoding="utf-8")
        self.pause = pause
        self.programs = []
        self.claims = 0
        self.chat = None
        atexit.register(self.end)
        if hasattr(sys.stdout, "reconfigure"):
            sys.stdout.reconfigure(encoding="utf-8", errors="replace")

    # What is shown.

    def print(self, line=""):
        try:
            print(line, flush=True)
        except BrokenPipeError:
            raise NobodyLooks from None
        self.transcript.write(line + "\n")
        self.transcript.flush()

    def heading(self, title, mark="-"):
        self.print(title)
        self.print(mark * len(title))
        self.print()

    def part(self, title):
        """The next part."""
        self.print()
        self.wait_for_enter()
        self.heading(title)

    def wait_for_enter(self):
        """A teacher who is at a terminal goes on with Enter."""
        if self.pause:
            print("[Enter] ", end="", flush=True)
            if sys.stdin.readline() == "":
                print()
            print(flush=True)

    def paragraph(self, text, first="", rest=""):
        for line in textwrap.wrap(text, WIDTH, initial_indent=first, subsequent_indent=rest,
                                  break_long_words=False, break_on_hyphens=False):
            self.print(line)

    def say(self, text):
        self.paragraph(text)

    def point(self, text):
        self.paragraph(text, "  - ", "    ")

    def seen(self, true, text):
        """A claim, and whether it is so."""
        if not true:
            raise NotSeen(text)
        self.claims += 1
        self.paragraph(text, "  => ", "     ")

    def quote(self, lines, whose, wrap=False):
        """What stands on somebody's screen, or came out of a program. Of a long line the middle
        is left out, unless it is to be wrapped."""
        self.print(f"  {whose}:")
        for line in lines or ["(nothing)"]:
            if wrap:
                self.paragraph(visible(line), "  | ", "  | ")
            else:
                self.print("  | " + shorten(line, WIDTH - 4))
        self.print()

    def source(self, name, begin, count):
        """Some lines of a wrong program, from the one that has `begin` in it."""
        with open(os.path.join(HERE, "wrong", name), encoding="utf-8") as file:
            lines = file.read().split("\n")
        first = next(at for at, line in enumerate(lines) if begin in line)
        self.print(f"  wrong/{name}, line {first + 1}:")
        self.print()
        for line in textwrap.dedent("\n".join(lines[first:first + count])).split("\n"):
            self.print("      " + line if line else "")
        self.print()
        # Here the class may say what it will do.
        self.wait_for_enter()

    # What is started.

    def threadchat(self, *words, keyboard=False, **options):
        return self.start("threadchat", [self.chat, *words], keyboard, **options)

    def wrong(self, name, *words, keyboard=False, **options):
        path = os.path.join(HERE, "wrong", name)
        command = [sys.executable, "-B", "-u", path, *(str(word) for word in words)]
        return self.start(f"wrong/{name}", command, keyboard, **options)

    def start(self, name, command, keyboard, **options):
        kind = AtKeyboard if keyboard else OnPipes
        program = kind(name, [str(word) for word in command], **options)
        self.programs.append(program)
        return program

    def end(self):
        """Ends every program that still runs, each by its process id."""
        for program in self.programs:
            program.kill()
        self.programs = []
        self.transcript.close()


def find_threadchat():
    """The program of $THREADCHAT, or else the one that cargo builds here."""
    given = os.environ.get("THREADCHAT")
    if given:
        if shutil.which(given) is None:
            raise NotSeen(f"a program at THREADCHAT={given}")
        return os.path.abspath(shutil.which(given))
    if shutil.which("cargo") is None:
        raise NotSeen("cargo, to build threadchat with; or set THREADCHAT=path/to/threadchat")
    if sys.stderr.isatty():
        print("(building threadchat, if it has changed)", file=sys.stderr, flush=True)
    cargo = ["cargo", "build", "--release", "--locked", "--quiet"]
    if subprocess.run(cargo, cwd=ROOT, stdin=subprocess.DEVNULL).returncode != 0:
        raise NotSeen("a threadchat that can be built")
    command = ["cargo", "metadata", "--no-deps", "--format-version", "1", "--locked"]
    metadata = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    return os.path.join(json.loads(metadata.stdout)["target_directory"], "release", "threadchat")


def shorten(line, width):
    """At most `width` characters; the middle of a longer line is left out, and that is said."""
    line = visible(line)
    if len(line) <= width:
        return line
    left_out = f" ...{len(line) - width + 20} more... "
    half = (width - len(left_out)) // 2
    return line[:half] + left_out + line[len(line) - half:]


def visible(text):
    """Control characters in a form that can be shown: `^[` for escape."""
    return "".join(f"^{chr(ord(c) ^ 64)}" if c < " " or c == "\x7f" else c for c in text)


def clean_environment():
    kept = {key: value for key, value in os.environ.items()
            if key not in ("RUST_LOG", "NO_COLOR", "PYTHONUNBUFFERED", "PYTHONWARNINGS",
                           "PYTHONSTARTUP", "PYTHONINSPECT")}
    return {**kept, "PYTHONUTF8": "1"}


class Program:
    """A process of its own, and everything that it has said so far."""

    def __init__(self, name, command):
        self.name, self.command = name, command
        self.process = None
        self.changed = threading.Condition()

    @property
    def pid(self):
        return self.process.pid

    def collect(self, read, take):
        """Calls `take` with everything that `read` gives, in a thread of its own."""
        def run():
            while True:
                try:
                    block = read()
                except (OSError, ValueError):
                    # A terminal whose programs have all gone says EIO, and not 0 bytes.
                    block = b""
                with self.changed:
                    take(block)
                    self.changed.notify_all()
                if not block:
                    return
        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        return thread

    def wait_until(self, what, look):
        """Waits until `look` gives something true for what has been said."""
        deadline = time.monotonic() + DEADLINE
        with self.changed:
            while True:
                value = look()
                if value:
                    return value
                left = deadline - time.monotonic()
                if left <= 0 or self.has_ended_saying():
                    raise NotSeen(f"{what} (from {self.name})")
                self.changed.wait(left)

    def listening_port(self):
        """The port that it says it listens on."""
        pattern = re.compile(r"listening on \S*?:(\d+)\s")
        found = self.wait_until("the port that it listens on",
                                lambda: pattern.search(self.notices()))
        return int(found[1])

    def runs(self):
        return self.process.poll() is None

    def ends(self):
        """Waits for its end, and gives back its exit code."""
        try:
            code = self.process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            raise NotSeen(f"the end of {self.name}") from None
        for thread in self.collectors:
            thread.join(DEADLINE)
        return code if code >= 0 else 128 - code

    def interrupt(self):
        self.process.send_signal(signal.SIGINT)

    def stop_for_a_moment(self):
        """From now on it does nothing, as on a computer that is busy with something else."""
        self.process.send_signal(signal.SIGSTOP)
        until(f"{self.name} has stopped",
              lambda: all(state(self.pid, tid) == "T" for tid in threads(self.pid)))

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)

    def kill(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.close()


class OnPipes(Program):
    """Its stdin, stdout and stderr are pipes. `stdin=None` gives it an empty stdin."""

    def __init__(self, name, command, stdin=subprocess.PIPE, take=None):
        super().__init__(name, command)
        self.out, self.err = bytearray(), bytearray()
        self.ended = 0
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL if stdin is None else stdin,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            start_new_session=True, env=clean_environment())
        self.collectors = []
        for stream, kept in ((self.process.stdout, self.out), (self.process.stderr, self.err)):
            kept = take if take and kept is self.out else kept.extend
            read = lambda stream=stream: os.read(stream.fileno(), 1 << 16)
            self.collectors.append(self.collect(read, self.counting_ends(kept)))

    def counting_ends(self, kept):
        def take(block):
            if block:
                kept(block)
            else:
                self.ended += 1
        return take

    def has_ended_saying(self):
        return self.ended == 2

    def stdout(self):
        return self.out.decode("utf-8", "replace")

    def notices(self):
        return self.err.decode("utf-8", "replace")

    def wait_stdout(self, text):
        self.wait_until(f"{text!r} on stdout", lambda: text in self.stdout())

    def wait_stderr(self, text):
        self.wait_until(f"{text!r} on stderr", lambda: text in self.notices())

    def type(self, text):
        try:
            self.process.stdin.write(text.encode())
            self.process.stdin.flush()
        except OSError as why:
            raise NotSeen(f"{self.name} taking {text!r} from its stdin ({why})") from None

    def end_stdin(self):
        self.process.stdin.close()

    def report(self):
        return (f"---- {self.name}\n---- stdout ({len(self.out)} bytes)\n{self.stdout()[-2000:]}\n"
                f"---- stderr\n{self.notices()[-2000:]}\n----")

    def close(self):
        for thread in self.collectors:
            thread.join(DEADLINE)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            try:
                if stream is not None:
                    stream.close()
            except OSError:
                pass  # What was to be written can no longer be.


class AtKeyboard(Program):
    """It has a terminal of its own, at which the lesson types, and whose screen it reads."""

    def __init__(self, name, command, columns=SCREEN, answers=False, keys=False):
        super().__init__(name, command)
        self.said = bytearray()
        self.ended = False
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        if keys:
            # One by one, as they are pressed; but Ctrl-C is a signal.
            tty.setcbreak(slave)
            keep_returns(slave)
        self.terminal = os.ttyname(slave)
        self.screen = Screen(columns, answer=self.type if answers else None)
        # A session that opens a terminal has it as its own from then on; so the shell opens it.
        self.process = subprocess.Popen(
            ["sh", "-c", 'exec "$@" <"$0" >"$0" 2>&1', self.terminal, *command],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True, env={**clean_environment(), "TERM": "xterm"})
        # The terminal would be gone for the reader before the program has come to open it.
        until(f"{name} has its terminal",
              lambda: self.process.poll() is not None or has_open(self.pid, self.terminal))
        os.close(slave)
        self.decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.collectors = [self.collect(lambda: os.read(self.master, 1 << 16), self.take)]

    def take(self, block):
        self.said += block
        self.screen.feed(self.decoder.decode(block))
        self.ended = not block

    def has_ended_saying(self):
        return self.ended

    def lines(self):
        """Its screen."""
        with self.changed:
            return self.screen.lines()

    def notices(self):
        return self.said.decode("utf-8", "replace")

    def wait_line(self, line):
        """Waits until this line stands on its screen, whole."""
        self.wait_until(f"the line {line!r}", lambda: line in self.screen.lines())

    def wait_for(self, text):
        """Waits until this stands somewhere in its screen's lines."""
        self.wait_until(repr(text), lambda: any(text in line for line in self.screen.lines()))

    def type(self, text):
        """Presses these keys; Enter is `\\r`, as on a keyboard."""
        try:
            os.write(self.master, text.encode())
        except OSError as why:
            raise NotSeen(f"{self.name} taking the keys {text!r} ({why})") from None

    def waiting_keys(self):
        """How many bytes were typed that the program has not read (in whole lines)."""
        terminal = os.open(self.terminal, os.O_RDWR | os.O_NOCTTY)
        try:
            count = fcntl.ioctl(terminal, termios.FIONREAD, struct.pack("i", 0))
            return struct.unpack("i", count)[0]
        finally:
            os.close(terminal)

    def report(self):
        return "\n".join([f"---- {self.name}, its screen", *self.lines(), "----"])

    def close(self):
        if self.master is not None:
            for thread in self.collectors:
                thread.join(DEADLINE)
            os.close(self.master)
            self.master = None


# What can be seen of a process from outside.


def read_proc(path):
    """A file of /proc, or "" where the process, or the permission, is not there."""
    try:
        with open(f"/proc/{path}", encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def keep_returns(terminal):
    """What Enter sends is not turned into a newline."""
    modes = termios.tcgetattr(terminal)
    modes[0] &= ~termios.ICRNL
    termios.tcsetattr(terminal, termios.TCSANOW, modes)


def has_open(pid, path):
    return all(os.path.exists(f"/proc/{pid}/fd/{fd}")
               and os.path.realpath(f"/proc/{pid}/fd/{fd}") == path for fd in (0, 1, 2))


def listed(pid, folder):
    """The numbers in one of its directories, the first one first."""
    try:
        return sorted(int(name) for name in os.listdir(f"/proc/{pid}/{folder}"))
    except OSError:
        return []


def threads(pid):
    """The numbers of its threads, the first thread first."""
    return listed(pid, "task")


def thread_name(pid, tid):
    return read_proc(f"{pid}/task/{tid}/comm").strip()


def state(pid, tid):
    """S asleep, R running, T stopped, Z ended and not yet waited for."""
    return read_proc(f"{pid}/task/{tid}/stat").rpartition(")")[2].strip()[:1]


def call(pid, tid):
    """The call that a thread is blocked in: "recv". "" while it runs; "asleep" where the system
    does not tell more, as on a processor whose numbers for the calls are not in CALLS."""
    if state(pid, tid) != "S":
        return ""
    words = read_proc(f"{pid}/task/{tid}/syscall").split()
    if not CALLS or not words:
        return "asleep"
    if not words[0].isdigit():
        return ""
    return CALLS.get(int(words[0]), f"call {words[0]}")


def blocked(pid, tid, *names):
    """Whether a thread is blocked in one of these calls, as far as the system tells."""
    return call(pid, tid) in (*names, "asleep")


def calls(pid):
    """What its threads are blocked in, the first thread's call first."""
    return [call(pid, tid) for tid in threads(pid)]


def wakings(pid):
    """How often its threads have gone to sleep so far: the same later means that none woke."""
    counts = re.compile(r"^(?:non)?voluntary_ctxt_switches:\s*(\d+)", re.MULTILINE)
    return [(tid, counts.findall(read_proc(f"{pid}/task/{tid}/status"))) for tid in threads(pid)]


def until_still(what, look):
    """Waits until `look` has given the same in 50 looks one after another, and gives that back."""
    before, same = None, 0

    def again():
        nonlocal before, same
        now = look()
        same = same + 1 if now is not None and now == before else 0
        before = now
        return same >= 50
    until(what, again)
    return before


def until_nothing_moves(*pids):
    """Waits until no thread of these programs has woken in 50 looks one after another, and each
    is blocked in a call."""
    def look():
        blocked_in = [calls(pid) for pid in pids]
        if any("" in one for one in blocked_in):
            return None
        return blocked_in, [(wakings(pid), ticks(pid)) for pid in pids]
    until_still("nothing moves any more", look)


def ticks(pid):
    """The processor time that it has used, in ticks (mostly 10 ms)."""
    fields = read_proc(f"{pid}/stat").rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12]) if fields else 0


def seconds_worked(pid):
    return ticks(pid) / os.sysconf("SC_CLK_TCK")


def until_thread(program, name, *names):
    """Waits until the thread of this name is blocked in one of these calls; gives its number."""
    return until(f"{name} is blocked in {' or '.join(names)}", lambda: next(
        (tid for tid in threads(program.pid)
         if thread_name(program.pid, tid) == name and blocked(program.pid, tid, *names)), None))


Tcp = collections.namedtuple("Tcp", "local remote state sent waiting inode")


def tcp_sockets():
    """Every IPv4 TCP socket here: its ports, its state, and how many bytes are on their way (or
    wait to go) and wait to be received."""
    sockets = []
    for line in read_proc("net/tcp").split("\n")[1:]:
        words = line.split()
        if len(words) > 9:
            local, remote = (int(words[at].partition(":")[2], 16) for at in (1, 2))
            sent, waiting = (int(number, 16) for number in words[4].split(":"))
            sockets.append(Tcp(local, remote, int(words[3], 16), sent, waiting, words[9]))
    return sockets


def tcp(program):
    """A program's connected socket. Not by its ports: they may stand in the table twice."""
    inodes = set()
    for fd in listed(program.pid, "fd"):
        try:
            inodes.add(os.readlink(f"/proc/{program.pid}/fd/{fd}"))
        except OSError:
            pass  # It has been closed since.
    for one in tcp_sockets():
        if one.state != LISTEN and f"socket:[{one.inode}]" in inodes:
            return one
    return None


def largest_buffer(name, otherwise):
    """How many bytes the system keeps at most for one socket: `tcp_wmem` to send, `tcp_rmem` to
    receive. A system that is set up for far more does not use it all here."""
    words = read_proc(f"sys/net/ipv4/{name}").split()
    return min(int(words[-1]) if words else otherwise, 64 << 20)


def waiting(program):
    """How many bytes wait to be received by a program; none before it is connected."""
    one = tcp(program)
    return one.waiting if one else 0


def free_port():
    """A port that is not one of those which the system itself gives out."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                pass  # Taken; another will be free.


def call_port(port):
    """A friend's plain socket."""
    friend = socket.create_connection(("127.0.0.1", port), DEADLINE)
    friend.settimeout(DEADLINE)
    return friend
