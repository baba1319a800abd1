"""Builds the functions for Lambda: which targets there are, by which command, and what all of that depends on.

The same inputs give the same bytes, whatever the folder, so nothing of the caller's environment reaches the compilers
but what is listed here, and every path that they could write down is given another name.
"""

import hashlib
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import tempfile
import zlib
from dataclasses import dataclass

import zips

# What Amazon Linux 2023 has.
GLIBC = "2.34"
FUNCTIONS = {"ingest": "iguazu-ingest", "compact": "iguazu-compact"}
# Folders that hold no source.
SKIPPED = {".git", "target", "dist", "__pycache__"}
# What may pass from the caller to the build: where tools are and how the registry is reached.
PASSED = re.compile(
    r"^(PATH|HOME|TMPDIR|RUSTUP_HOME|RUSTUP_TOOLCHAIN|SSL_CERT_\w+|(https?|all|no)_proxy"
    r"|CARGO_(HTTP|NET|REGISTRY|REGISTRIES|SOURCE)_\w+)$",
    re.IGNORECASE,
)


class Failed(Exception):
    """Something that had to succeed did not; the text says what."""


@dataclass(frozen=True)
class Target:
    """One of Lambda's two architectures."""

    arch: str
    triple: str
    # The least processor that Lambda runs the architecture on: Haswell, and Graviton2.
    cpu: str


TARGETS = {
    "x86_64": Target("x86_64", "x86_64-unknown-linux-gnu", "haswell"),
    "arm64": Target("arm64", "aarch64-unknown-linux-gnu", "neoverse-n1"),
}


@dataclass(frozen=True)
class Site:
    """Where a build happens. None of it may show in what is built."""

    source: pathlib.Path
    target: pathlib.Path
    cargo_home: pathlib.Path
    zig_cache: pathlib.Path
    tools: pathlib.Path

    def folders(self):
        """What no program may name. The home folder is among them: registries and caches are usually in it."""
        named = [self.source, self.target, self.cargo_home, self.zig_cache, self.tools, pathlib.Path.home()]
        return [folder for folder in named if len(folder.parts) > 1]


def output(command, **options):
    """What a command prints. It has to succeed."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, **options)
    if done.returncode != 0:
        raise Failed(f"{' '.join(map(str, command))}\nended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def standard_library(target):
    """Sees to the standard library of a target; returns why it cannot be had, or nothing."""
    libraries = pathlib.Path(output(["rustc", "--print", "sysroot"]).strip()) / "lib/rustlib"
    if (libraries / target.triple / "lib").is_dir():
        return None
    if shutil.which("rustup") is None:
        return f"rustc has no standard library for {target.triple}, and there is no rustup to add it"
    added = subprocess.run(["rustup", "target", "add", target.triple], capture_output=True, text=True)
    if added.returncode == 0:
        return None
    reason = (added.stderr.strip().splitlines() or ["it did not say why"])[-1]
    return f"`rustup target add {target.triple}` failed: {reason}"


def environment(target, site):
    """The whole environment of a build."""
    passed = {name: value for name, value in os.environ.items() if PASSED.match(name)}
    # The later of two that match counts: the target folder is usually within the source.
    renamed = {
        site.source: "/iguazu",
        site.target: "/target",
        site.cargo_home / "registry/src": "/registry",
        site.zig_cache: "/zig",
    }
    sysroot = output(["rustc", "--print", "sysroot"]).strip()
    commit = re.search(r"^commit-hash: (.*)$", output(["rustc", "-vV"]), re.MULTILINE).group(1)
    # Where the sources of the standard library are installed, rustc would name them where they are.
    renamed[pathlib.Path(sysroot) / "lib/rustlib/src/rust"] = f"/rustc/{commit}"
    rust = [f"--remap-path-prefix={folder}={name}" for folder, name in renamed.items()]
    rust.append(f"-Ctarget-cpu={target.cpu}")
    c = shlex.join(f"-ffile-prefix-map={folder}={name}" for folder, name in renamed.items())
    return passed | {
        "PATH": f"{site.tools}{os.pathsep}{passed['PATH']}",
        "CARGO_HOME": str(site.cargo_home),
        "CARGO_TARGET_DIR": str(site.target),
        "CARGO_ENCODED_RUSTFLAGS": "\x1f".join(rust),
        "CARGO_INCREMENTAL": "0",
        "CFLAGS": c,
        "CXXFLAGS": c,
        "CC_SHELL_ESCAPED_FLAGS": "1",
        "ZIG_GLOBAL_CACHE_DIR": str(site.zig_cache),
        # The random generator of the TLS library seeds itself from the jitter of the clock otherwise, which takes
        # milliseconds to a second of each cold start.
        "AWS_LC_SYS_NO_JITTER_ENTROPY": "1",
        "SOURCE_DATE_EPOCH": str(zips.EPOCH_SECONDS),
        "LC_ALL": "C",
        "TZ": "UTC",
    }


def command(function, target):
    # Its own optimisations would set panic = "abort": lambda_runtime turns a panic into a failed invocation. Those of
    # the release profile are in Cargo.toml.
    return [
        "cargo", "lambda", "build", "--release", "--locked", "--disable-optimizations", "--compiler", "cargo-zigbuild",
        "--target", f"{target.triple}.{GLIBC}", "--package", FUNCTIONS[function], "--bin", FUNCTIONS[function],
    ]


def build(function, target, site):
    """Builds a function; returns the program's path."""
    lambda_folder = site.target / "lambda" / target.arch
    # cargo-lambda moves it there, out of cargo's folder.
    program = lambda_folder / FUNCTIONS[function] / "bootstrap"
    program.unlink(missing_ok=True)
    done = subprocess.run(
        [*command(function, target), "--lambda-dir", str(lambda_folder)],
        cwd=site.source, env=environment(target, site),
    )
    if done.returncode != 0:
        raise Failed(f"building {function} for {target.arch} ended with {done.returncode}")
    if not program.exists():
        raise Failed(f"building {function} for {target.arch} made no {program}")
    return program


def linked_at(program, function, target, site):
    """When a program that was just built was linked: cargo keeps it, and leaves it alone where nothing has changed."""
    kept = (site.target / target.triple / "release/deps").glob(f"{FUNCTIONS[function].replace('-', '_')}-*")
    content = program.read_bytes()
    times = [file.stat().st_mtime_ns for file in kept if file.stat().st_size == len(content) and file.read_bytes() == content]
    if not times:
        raise Failed(f"cargo kept no {program}")
    return max(times)


def forget(function, target, site):
    """Deletes what was built of our own crates, so that the next build compiles and links them again."""
    ours = [package["name"] for package in closure(metadata(site.source, target), function) if package["source"] is None]
    command = ["cargo", "clean", "--release", "--target", target.triple]
    for name in ours:
        command += ["--package", name]
    output(command, cwd=site.source, env=environment(target, site))


def metadata(source, target):
    """What cargo knows of the workspace, for one target."""
    command = ["cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", target.triple]
    return json.loads(output(command, cwd=source))


def closure(known, function):
    """The packages that a function could need, itself included, of the whole workspace's metadata."""
    packages = {package["id"]: package for package in known["packages"]}
    needs = {node["id"]: node["dependencies"] for node in known["resolve"]["nodes"]}
    open_ids = [id for id, package in packages.items() if package["name"] == FUNCTIONS[function] and not package["source"]]
    reached = set()
    while open_ids:
        id = open_ids.pop()
        if id not in reached:
            reached.add(id)
            open_ids += needs[id]
    return [packages[id] for id in sorted(reached)]


def files_below(folder):
    """All files of a folder that can be an input, in a fixed order."""
    found = []
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in SKIPPED and not name.startswith(".venv"))
        found += [pathlib.Path(place) / name for name in files]
    return sorted(found)


def inputs(function, target, site):
    """The hash of everything that the bytes of a package depend on: sources, lock, tools and flags."""
    ours = [package for package in closure(metadata(site.source, target), function) if package["source"] is None]
    named = ("Cargo.toml", "Cargo.lock", "rust-toolchain.toml", ".cargo/config.toml")
    ourselves = ("packaging/builds.py", "packaging/zips.py", "packaging/requirements.txt")
    sources = {site.source / name for name in (*named, *ourselves)}
    for package in ours:
        sources.update(files_below(pathlib.Path(package["manifest_path"]).parent))
    total = hashlib.sha256()
    # In the order of their names below the folder, which is the same in every folder.
    for name in sorted(str(path.relative_to(site.source)) for path in sources if path.is_file()):
        total.update(f"{name}\0{hashlib.sha256((site.source / name).read_bytes()).hexdigest()}\n".encode())
    tools = {"PATH": f"{site.tools}{os.pathsep}{os.environ['PATH']}"}
    for line in (
        output(["rustc", "-vV"]), output(["cargo", "-vV"]), output([site.tools / "cargo-lambda", "lambda", "--version"]),
        output([site.tools / "python", "-m", "ziglang", "version"], env=tools), zlib.ZLIB_RUNTIME_VERSION,
        " ".join(command(function, target)), target.cpu,
    ):
        total.update(line.encode() + b"\n")
    return total.hexdigest()


class Copy:
    """The sources in another folder, with another target folder, another cargo home and another cache of zig. The
    registry's files are shared, by another path."""

    def __init__(self, site):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="iguazu-again-")).resolve()
        source = self.folder / "sources"
        ignored = shutil.ignore_patterns(*SKIPPED, ".venv*")
        shutil.copytree(site.source, source, ignore=ignored, symlinks=True)
        home = self.folder / "home-of-cargo"
        home.mkdir()
        for entry in site.cargo_home.iterdir():
            (home / entry.name).symlink_to(entry)
        self.site = Site(source, self.folder / "built", home, self.folder / "zig", site.tools)

    def delete(self):
        shutil.rmtree(self.folder)
