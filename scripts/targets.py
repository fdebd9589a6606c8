"""Builds threadchat for other systems than this one, for `scripts/portability` and `scripts/release`.

A compiler for another system needs that system's standard library. Debian has its source beside
its own rustc, and cargo builds it with the program (`-Z build-std`, which the ordinary compiler
only takes with RUSTC_BOOTSTRAP=1). So the compiler here is Debian's, and cargo is the one that
is installed anyway. What comes of it lies in `target/portability`, so that neither gets into the way
of the other's.
"""

import json
import os
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# Debian's compiler, wherever others stand in PATH, and its clippy.
RUSTC = "/usr/bin/rustc"
CLIPPY = "/usr/bin/cargo-clippy"
STD = "/usr/lib/rustlib/src/rust/library/std"

WINDOWS = "x86_64-pc-windows-gnu"
MUSL = "x86_64-unknown-linux-musl"
MACOS = "aarch64-apple-darwin"

# Whatever is wanted, and what it is in.
PACKAGES = {
    "cargo": "https://rustup.rs",
    RUSTC: "rustc-web",
    CLIPPY: "rust-web-clippy",
    STD: "rust-web-src",
    "x86_64-w64-mingw32-gcc": "gcc-mingw-w64-x86-64-win32",
    "/usr/lib/wine/wine64": "wine64",
    "/usr/lib/wine/wineserver64": "wine64",
    "musl-gcc": "musl-tools",
    "ar": "binutils",
}

# std, as the linker for musl wants it, has an unwinder beside it for showing a backtrace, and Debian has
# none for musl. A panic ends the program at once, and shows none: so this one has nothing to tell.
NO_UNWINDER = """
int _Unwind_Backtrace(void *each, void *argument) { return 5; } /* the end of the stack */
unsigned long _Unwind_GetIP(void *frame) { return 0; }
"""


class CannotBuild(Exception):
    """Something is missing, or wrong."""


def need(*things):
    """Names everything that is missing, with the package that it is in."""
    missing = [thing for thing in things
               if not (os.path.exists(thing) if thing.startswith("/") else shutil.which(thing))]
    if missing:
        raise CannotBuild("; ".join(f"{thing} is missing (it is in {PACKAGES[thing]})"
                                    for thing in missing))


def directory():
    """Where everything for other systems lies, inside cargo's own directory."""
    command = ["cargo", "metadata", "--no-deps", "--format-version", "1", "--locked"]
    metadata = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    return os.path.join(json.loads(metadata.stdout)["target_directory"], "portability")


def cargo(command, target, *words, **environment):
    """Runs a command of cargo's for `target`."""
    # Flags from outside would replace those for a target.
    inherited = {key: value for key, value in os.environ.items()
                 if key not in ("RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET")}
    done = subprocess.run(
        [*command, "--locked", "--quiet", "--target", target, "--target-dir", directory(),
         "-Z", "build-std=std,panic_abort", *words],
        cwd=ROOT, stdin=subprocess.DEVNULL,
        env={**inherited, "RUSTC": RUSTC, "RUSTC_BOOTSTRAP": "1", **environment})
    if done.returncode != 0:
        raise CannotBuild(f"{command[-1]} for {target} has failed")


def lint(target):
    """Type-checks the program for `target` and asks for no warnings. This takes no linker."""
    need("cargo", RUSTC, CLIPPY, STD)
    # With a std that is built beside the program, clippy takes what `thread_local!` becomes for
    # code of ours, and proposes the `const` that is there already.
    cargo([CLIPPY, "clippy"], target, "--lib", "--bins", "--", "-D", "warnings",
          "-A", "clippy::missing_const_for_thread_local")


def build_windows(*profile):
    """`threadchat.exe`, as this profile has it: `--release`, or some `--config`."""
    need("cargo", RUSTC, STD, "x86_64-w64-mingw32-gcc")
    cargo(["cargo", "build"], WINDOWS, "--bin", "threadchat", *profile)
    return built(WINDOWS, "threadchat.exe", profile)


def build_musl():
    """A release binary for Linux that needs no library of the system's at all. Not one of glibc's:
    that one looks names up with libraries which it loads at run time."""
    need("cargo", RUSTC, STD, "musl-gcc", "ar")
    libraries = os.path.join(directory(), "libraries")
    os.makedirs(libraries, exist_ok=True)
    source, compiled, archive = (
        os.path.join(libraries, name) for name in ("unwind.c", "unwind.o", "libunwind.a"))
    with open(source, "w", encoding="ascii") as file:
        file.write(NO_UNWINDER)
    subprocess.run(["musl-gcc", "-O1", "-c", source, "-o", compiled], check=True)
    subprocess.run(["ar", "crs", archive, compiled], check=True)
    # Debian's musl has its own files for the beginning of a program; rustc's are not there. They
    # know of no static program that can be moved about, so it is one that cannot.
    flags = f"-C link-self-contained=no -C relocation-model=static -L native={libraries}"
    profile = ("--release", "--config", "profile.release.panic='abort'")
    cargo(["cargo", "build"], MUSL, "--bin", "threadchat", "-Z", "build-std-features=", *profile,
          CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_LINKER="musl-gcc",
          CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_RUSTFLAGS=flags)
    return built(MUSL, "threadchat", profile)


def built(target, name, profile):
    kind = "release" if "--release" in profile else "debug"
    return os.path.join(directory(), target, kind, name)
