"""What a package holds, as a bill of materials in the format CycloneDX (JSON, version 1.6).

It lists exactly the crates that are linked into the program: those that cargo's resolver chooses for the package, the
target and the features, without build scripts, macros and tests; with them the standard library. Each has the checksum
of the lock file by which cargo accepted it. It names no time and no machine, so that the same package has the same
bill.
"""

import json
import re
import uuid

import builds

FORMAT = "1.6"
# The namespace of the serial numbers: any fixed one will do.
NAMESPACE = uuid.UUID("6ba7b811-9dad-11d1-80b4-00c04fd430c8")


class Crate:
    """A crate of the tree, by its name and version; the registry is one."""

    def __init__(self, name, version):
        self.name = name
        self.version = version

    def reference(self):
        return f"pkg:cargo/{self.name}@{self.version}"


def tree(printed):
    """Reads what `cargo tree --prefix depth` printed; returns the crates by reference and who needs whom. The first is
    the root."""
    crates = {}
    needs = {}
    above = []
    for line in printed.splitlines():
        if not line:
            continue
        found = re.match(r"(\d+)(\S+) v(\S+)", line)
        if found is None:
            raise builds.Failed(f"a line of `cargo tree` that is not understood: {line}")
        depth = int(found.group(1))
        crate = Crate(found.group(2), found.group(3))
        reference = crate.reference()
        crates.setdefault(reference, crate)
        needs.setdefault(reference, set())
        del above[depth:]
        if above:
            needs[above[-1]].add(reference)
        above.append(reference)
    return crates, needs


def checksums(lock):
    """The checksums of a Cargo.lock, by name and version. What has none is our own."""
    found = {}
    for block in lock.split("[[package]]")[1:]:
        fields = dict(re.findall(r'^(\w+) = "([^"]*)"$', block, re.MULTILINE))
        if "checksum" in fields:
            found[(fields["name"], fields["version"])] = fields["checksum"]
    return found


def expression(licence):
    """A licence as an SPDX expression: older crates part alternatives by a slash."""
    return re.sub(r"\s*/\s*", " OR ", licence)


def component(crate, package, checksum):
    described = {
        "type": "library",
        "bom-ref": crate.reference(),
        "name": crate.name,
        "version": crate.version,
        "purl": crate.reference(),
        "licenses": [{"expression": expression(package["license"])}],
    }
    if package.get("description"):
        described["description"] = " ".join(package["description"].split())
    if package.get("repository"):
        described["externalReferences"] = [{"type": "vcs", "url": package["repository"]}]
    if checksum:
        described["hashes"] = [{"alg": "SHA-256", "content": checksum}]
    return described


def standard_library(rustc):
    """Rust's own libraries, which cargo does not list, by what `rustc -vV` printed."""
    fields = dict(line.split(": ", 1) for line in rustc.splitlines() if ": " in line)
    return {
        "type": "library",
        "bom-ref": f"rust-std@{fields['release']}",
        "name": "rust-std",
        "version": fields["release"],
        "description": f"The standard library of Rust, of commit {fields['commit-hash']}",
        "licenses": [{"expression": "MIT OR Apache-2.0"}],
    }


def bill(printed_tree, packages, lock, rustc, function, arch, program_sha256):
    """The bill of a package: of the tree that cargo printed, and what is known of each crate and of the program."""
    crates, needs = tree(printed_tree)
    root, *others = crates
    known = {(package["name"], package["version"]): package for package in packages}
    sums = checksums(lock)
    library = standard_library(rustc)
    components = [
        component(crate, known[(crate.name, crate.version)], sums.get((crate.name, crate.version)))
        for crate in (crates[reference] for reference in sorted(others))
    ]
    about = known[(crates[root].name, crates[root].version)]
    edges = {reference: sorted(needed) for reference, needed in needs.items()}
    edges[root] = sorted([*edges[root], library["bom-ref"]])
    edges[library["bom-ref"]] = []
    return {
        "bomFormat": "CycloneDX",
        "specVersion": FORMAT,
        "serialNumber": f"urn:uuid:{uuid.uuid5(NAMESPACE, f'{function} {arch} {program_sha256}')}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": root,
                "name": crates[root].name,
                "version": crates[root].version,
                "description": about["description"],
                "licenses": [{"expression": expression(about["license"])}],
                "hashes": [{"alg": "SHA-256", "content": program_sha256}],
                "properties": [
                    {"name": "iguazu:package", "value": f"{arch}/{function}.zip"},
                    {"name": "iguazu:file", "value": "bootstrap"},
                ],
            },
        },
        "components": [*components, library],
        "dependencies": [{"ref": ref, "dependsOn": edges[ref]} for ref in sorted(edges)],
    }


def make(function, target, site, program_sha256):
    """The bill of a function for a target, as text."""
    command = [
        "cargo", "tree", "--locked", "--package", builds.FUNCTIONS[function], "--target", target.triple,
        "--edges", "normal,no-proc-macro", "--prefix", "depth", "--format", "{p}",
    ]
    made = bill(
        builds.output(command, cwd=site.source),
        builds.metadata(site.source, target)["packages"],
        (site.source / "Cargo.lock").read_text(),
        builds.output(["rustc", "-vV"]),
        function, target.arch, program_sha256,
    )
    return json.dumps(made, indent=2) + "\n"


def check(text):
    """Refuses a bill that the schema of CycloneDX does not allow."""
    # Here, because the rest of the module needs nothing but Python.
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    problem = JsonStrictValidator(SchemaVersion.from_version(FORMAT)).validate_str(text)
    if problem is not None:
        raise builds.Failed(f"a bill of materials is not as its schema says: {problem}")
