"""What goes wrong with `iguazu up` says so, ends with exit code 2, and loses nothing: bad options and contracts, a port
and a folder in use, damaged files, and a disk that is full for a while.

    errors.py <folder of the programs> <folder to work in>
"""

import argparse
import pathlib
import resource
import shutil
import socket
import subprocess
import time

from pipeline import PATIENCE_SECONDS, Failed, Pipeline, Programs, main, results


def refused(programs, expected, *arguments):
    """`iguazu` with these arguments ends with 2 and says each of the expected texts."""
    command = [str(programs.iguazu), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS)
    # An error is broken into lines where the terminal ends.
    said = " ".join(done.stderr.replace("│", " ").replace("|", " ").split())
    missing = [text for text in expected if text not in said]
    if done.returncode != 2 or missing:
        raise Failed(f"{' '.join(command)}\nended with {done.returncode} and did not say {missing}:\n{done.stderr}")
    return 1


def bad_options(programs, folder):
    told = refused(programs, ["invalid value '0' for '--shards", "--help"], "up", "--shards", 0)
    told += refused(programs, ["invalid value 'soon' for '--compact-every"], "up", "--compact-every", "soon")
    told += refused(programs, ["expected a power of two from 1 to 256"], "up", "--buckets", 3)
    told += refused(programs, ["unexpected argument '--shard'", "--shards"], "up", "--shard", 3)
    config = folder / "iguazu.toml"
    told += refused(programs, ["the file of options", "No such file"], "up", "--config", config)
    config.write_text("shards = \n")
    told += refused(programs, ["the file of options", "iguazu.toml"], "up", "--config", config)
    config.write_text("shards = { many = true }\n")
    told += refused(programs, ["shards is a table, which no option is"], "up", "--config", config)
    config.write_text("shard = 3\n")
    told += refused(programs, ["unexpected argument '--shard'"], "up", "--config", config)
    return told


def bad_contracts(programs, folder):
    contracts, data = folder / "bad-contracts", folder / "data"
    told = refused(programs, ["bad-contracts: cannot be read"], "up", "--data", data, "--contracts", contracts)
    contracts.mkdir()
    told += refused(programs, ["holds no contract"], "up", "--data", data, "--contracts", contracts)
    (contracts / "orders.toml").write_text('table = "orders"\nversion = 1\ntypes = 7\n')
    told += refused(
        programs, ["orders.toml:3:9", "iguazu contract check"], "up", "--data", data, "--contracts", contracts
    )
    return told


def in_use(programs, folder):
    data = folder / "data"
    with Pipeline(programs, data) as pipeline:
        told = refused(
            programs, ["is in use by the process", "choose another folder by --data"], "up", "--data", data, "--port", 0
        )
        told += refused(
            programs, ["cannot listen on 127.0.0.1", "choose another port by --port"],
            "up", "--data", folder / "other", "--port", pipeline.port,
        )
        pipeline.stop()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        told += refused(
            programs, ["another process listens there"], "up", "--data", folder / "other", "--port", taken.getsockname()[1]
        )
    return told


def damaged(programs, folder):
    """A file that is not as it was written is refused and left as it is; its copy makes everything work again."""
    data = folder / "data"
    told = 0
    for name in ("stream.sqlite", "ledger.sqlite"):
        file = data / name
        copy = file.read_bytes()
        harm = b"\xab" * len(copy)
        file.write_bytes(harm)
        told += refused(programs, [f"{name} cannot be opened", "file is not a database", "backup"], "up", "--data", data)
        if file.read_bytes() != harm:
            raise Failed(f"{file} was changed although it was refused")
        file.write_bytes(copy)
    with Pipeline(programs, data) as pipeline:
        pipeline.stop()
    return told


def full_disk(programs, folder):
    """Under load, files can grow no further for a while. Producers are told, nothing ends, and nothing is lost."""
    data, contracts = folder / "full", folder / "contracts"
    programs.call(programs.loadgen, "contracts", contracts)
    pipeline = Pipeline(programs, data, "--contracts", contracts, "--compact-every", "500ms")
    with pipeline:
        command = [
            programs.loadgen, "run", "--endpoint", pipeline.endpoint, "--out", folder / "run", "--events", 20_000,
            "--rate", 4_000, "--malformed", "0.01", "--reshard", 1,
        ]
        with open(folder / "loadgen.log", "w") as log:
            loading = subprocess.Popen([str(part) for part in command], stdout=log, stderr=log)
        time.sleep(1)
        process = pipeline.process.pid
        resource.prlimit(process, resource.RLIMIT_FSIZE, (1 << 16, resource.RLIM_INFINITY))
        until = time.monotonic() + PATIENCE_SECONDS
        while "nothing was written to the stream" not in (data / "iguazu.log").read_text():
            if time.monotonic() > until:
                raise Failed("the limit of the files had no effect")
            time.sleep(0.1)
        time.sleep(1)
        resource.prlimit(process, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        if loading.wait(PATIENCE_SECONDS) != 0:
            raise Failed(f"the load ended with {loading.returncode}: see {folder / 'loadgen.log'}")
        proven, proof = programs.ask(programs.loadgen, "verify", "--data", data, "--run", folder / "run")
        pipeline.stop()
    sound, audit = programs.ask(programs.iguazu, "verify", "--data", data)
    if not proven or not sound:
        raise Failed(proof + audit)
    return results(proof, "loadgen")


def run():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("programs", type=pathlib.Path)
    parser.add_argument("folder", type=pathlib.Path)
    arguments = parser.parse_args()
    programs, folder = Programs(arguments.programs), arguments.folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    told = sum(case(programs, folder) for case in (bad_options, bad_contracts, in_use, damaged))
    found = full_disk(programs, folder)
    print(f"RESULT errors told={told} full_disk_loss={found['loss']} full_disk_duplicates={found['duplicates']}")
    return 0


main(run)
