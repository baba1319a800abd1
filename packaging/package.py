"""Makes the packages of the Lambda functions, and says how large they are, how fast they start and whether they can be
made again.

    package.py --iguazu <program> --target <folder> [--dist dist] [--contracts contracts] [--arch x86_64]… [--reproduce]

It leaves in `dist`:
  <arch>/ingest.zip, <arch>/compact.zip   one file each, `bootstrap`; the dispatcher is compact.zip with another variable
  contracts.zip                           a layer, whose files a function sees in /opt/contracts
  tables.json                             the tables and views of the contracts, for Terraform
  sbom/<arch>/<function>.cdx.json         what is in each program
  record.json                             the hashes, so that a later run can compare
"""

import argparse
import os
import pathlib
import platform
import sys
import tempfile

import builds
import cold_start
import programs
import records
import sbom
import zips

HOSTS = {"x86_64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}


def say(text):
    print(text, flush=True)


class Package:
    """One zip file of one function."""

    def __init__(self, function, target, path):
        self.function = function
        self.target = target
        self.path = path
        self.name = f"{target.arch}/{function}.zip"
        self.program_bytes = 0

    def pack(self, program, site):
        """Packs a program that was built, once it is seen to be fit; returns the hash of the zip file."""
        content = program.read_bytes()
        try:
            programs.examine(content, self.target.arch, builds.GLIBC, site.folders())
        except programs.Unfit as unfit:
            raise builds.Failed(f"{program} cannot be packaged: {unfit}") from unfit
        self.program_bytes = len(content)
        zips.write(self.path, [("bootstrap", content, zips.PROGRAM)])
        return zips.sha256(self.path)


def pack_contracts(iguazu, contracts, dist):
    """Packs the contracts as a layer, and what Terraform has to know of them. A wrong contract is refused here, before
    any function would refuse it."""
    say(f"contracts: {builds.output([iguazu, 'contract', 'check', contracts]).strip()}")
    files = sorted(contracts.glob("*.toml"))
    if not files:
        raise builds.Failed(f"{contracts} holds no contract: expected *.toml")
    zips.write(dist / "contracts.zip", [(f"contracts/{path.name}", path.read_bytes(), zips.DATA) for path in files])
    (dist / "tables.json").write_text(builds.output([iguazu, "contract", "ddl", "--json", contracts]))


def build_id(place, package, program, site):
    """Tells builds apart: a program that is linked anew has another time."""
    return f"{place} {builds.linked_at(program, package.function, package.target, site)}"


def build_here(package, site, known, compare_here):
    """Builds a package in its usual folder. Where the same inputs were built there once and nowhere else, and it is to be
    compared with something, our own crates are compiled and linked again."""
    inputs = builds.inputs(package.function, package.target, site)
    program = builds.build(package.function, package.target, site)
    if compare_here and list(known.builds(package.name, inputs)) == [build_id("here", package, program, site)]:
        say(f"{package.name}: built once from these inputs; again, to compare")
        builds.forget(package.function, package.target, site)
        program = builds.build(package.function, package.target, site)
    known.note(package.name, inputs, build_id("here", package, program, site), package.pack(program, site))
    bill = sbom.make(package.function, package.target, site, zips.sha256(program))
    sbom.check(bill)
    path = package.path.parent.parent / "sbom" / package.target.arch / f"{package.function}.cdx.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(bill)
    return inputs


def build_again(packages, site, known, inputs):
    """Builds all packages a second time, from a copy of the sources. The copy goes, unless it shows a difference."""
    copy = builds.Copy(site)
    say(f"building again in {copy.folder}")
    differ = False
    for package in packages:
        program = builds.build(package.function, package.target, copy.site)
        if builds.inputs(package.function, package.target, copy.site) != inputs[package.name]:
            raise builds.Failed(f"{package.name}: the inputs changed while it was built")
        again = Package(package.function, package.target, copy.folder / "packages" / package.name)
        sha256 = again.pack(program, copy.site)
        known.note(package.name, inputs[package.name], build_id("in a copy", package, program, copy.site), sha256)
        differ = differ or sha256 != zips.sha256(package.path)
    if differ:
        say(f"the packages differ; look at {copy.folder}")
    else:
        copy.delete()


def show(packages, known, inputs):
    say("")
    say(f"{'package':<20} {'zip bytes':>12} {'unzipped':>12}  sha256, and how it was compared")
    for package in packages:
        results = known.builds(package.name, inputs[package.name])
        compared = {"true": f"equal in {len(results)} builds", "false": "DIFFERS from another build of the same inputs"}
        say(
            f"{package.name:<20} {package.path.stat().st_size:>12} {package.program_bytes:>12}  {zips.sha256(package.path)}  "
            f"{compared.get(records.verdict([results]), 'built once')}"
        )


def measure(packages, contracts, results):
    """Starts the packages of this machine's architecture, out of their zip files."""
    host = HOSTS.get(platform.machine())
    for package in packages:
        if package.target.arch != host:
            continue
        with tempfile.TemporaryDirectory() as folder:
            zips.extract(package.path, pathlib.Path(folder))
            median, greatest = cold_start.measure(pathlib.Path(folder) / "bootstrap", contracts)
        say(f"{package.name}: cold start to the first poll: median {median:.1f} ms, at most {greatest:.1f} ms")
        results[package.function] = median


def result(packages, cold, verdict):
    """The line for scripts: of this machine's architecture, and of the others under their names."""
    host = HOSTS.get(platform.machine())
    findings = {}
    for package in sorted(packages, key=lambda package: package.target.arch != host):
        name = package.function if package.target.arch == host else f"{package.target.arch}_{package.function}"
        findings[f"{name}_mb"] = f"{package.path.stat().st_size / 1e6:.2f}"
    if "ingest" in cold:
        findings["cold_start_ms"] = f"{cold['ingest']:.1f}"
        findings["compact_cold_start_ms"] = f"{cold['compact']:.1f}"
    findings["arch"] = ",".join(sorted({package.target.arch for package in packages}))
    findings["reproducible"] = verdict
    return "RESULT package " + " ".join(f"{name}={value}" for name, value in findings.items())


def targets(wanted):
    """Those of the wanted architectures that can be built here."""
    found = []
    for arch in wanted:
        missing = builds.standard_library(builds.TARGETS[arch])
        if missing is None:
            found.append(builds.TARGETS[arch])
        else:
            say(f"{arch}: left out, because {missing}")
    if not found:
        raise builds.Failed("no architecture is left")
    return found


def run(arguments):
    site = builds.Site(
        source=pathlib.Path(__file__).resolve().parent.parent,
        target=arguments.target.resolve(),
        cargo_home=pathlib.Path(os.environ.get("CARGO_HOME", pathlib.Path.home() / ".cargo")).resolve(),
        zig_cache=arguments.target.resolve() / "zig",
        # Not the program behind it: a virtual environment is known by where its python stands.
        tools=pathlib.Path(sys.executable).parent,
    )
    dist = arguments.dist.resolve()
    pack_contracts(arguments.iguazu, arguments.contracts.resolve(), dist)
    built_for = targets(arguments.arch or list(builds.TARGETS))
    packages = [
        Package(function, target, dist / target.arch / f"{function}.zip")
        for target in built_for for function in builds.FUNCTIONS
    ]
    known = records.Records(dist / "record.json")
    inputs = {}
    for package in packages:
        say(f"building {package.name}")
        inputs[package.name] = build_here(package, site, known, compare_here=not arguments.reproduce)
        known.write()
    if arguments.reproduce:
        build_again(packages, site, known, inputs)
        known.write()
    show(packages, known, inputs)
    say(f"{'contracts.zip':<20} {(dist / 'contracts.zip').stat().st_size:>12} {'':>12}  {zips.sha256(dist / 'contracts.zip')}")
    cold = {}
    measure(packages, arguments.contracts.resolve(), cold)
    verdict = records.verdict([known.builds(package.name, inputs[package.name]) for package in packages])
    say(result(packages, cold, verdict))
    return 1 if verdict == "false" else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--iguazu", type=pathlib.Path, required=True, help="the program, which checks the contracts")
    parser.add_argument("--target", type=pathlib.Path, required=True, help="the folder to build in")
    parser.add_argument("--dist", type=pathlib.Path, default=pathlib.Path("dist"), help="where the packages go")
    parser.add_argument("--contracts", type=pathlib.Path, default=pathlib.Path("contracts"), help="a folder of contracts")
    parser.add_argument("--arch", action="append", choices=sorted(builds.TARGETS), help="only this architecture")
    parser.add_argument("--reproduce", action="store_true", help="build all of it twice, in two folders, and compare")
    try:
        return run(parser.parse_args())
    except (builds.Failed, cold_start.NoStart, OSError) as failed:
        say(f"make package: {failed}")
        return 2


if __name__ == "__main__":
    sys.exit(main())
