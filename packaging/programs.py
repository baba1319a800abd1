"""Looks at a program as a file: whether Lambda could start it, and whether it tells where it was built."""

import re
import struct

# Where an ELF file says for which machine it is, and what it says.
MACHINE_AT = 18
MACHINES = {"x86_64": 62, "arm64": 183}


class Unfit(Exception):
    """A program that must not be packaged, with the reason."""


def examine(program, arch, glibc, folders):
    """Refuses a program of another machine, one that asks for a newer glibc than Lambda has, and one that names a
    folder of this machine: its bytes would differ elsewhere."""
    if program[:4] != b"\x7fELF":
        raise Unfit("it is no ELF file")
    (machine,) = struct.unpack_from("<H", program, MACHINE_AT)
    if machine != MACHINES[arch]:
        raise Unfit(f"it is for machine {machine}, and {arch} is {MACHINES[arch]}")
    needed = max((tuple(map(int, version.split(b"."))) for version in re.findall(rb"GLIBC_(\d+(?:\.\d+)+)", program)), default=())
    if needed > tuple(map(int, glibc.split("."))):
        raise Unfit(f"it needs glibc {'.'.join(map(str, needed))}, and Lambda has {glibc}")
    for folder in folders:
        at = program.find(bytes(folder) + b"/")
        if at >= 0:
            named = re.match(rb"[ -~]*", program[at : at + 160]).group().decode()
            raise Unfit(f"it names a folder of this machine: {named}")
