"""Zip files that are the same bytes whenever they are made of the same files.

A zip file keeps times, permissions and an order, all of which would tell when and where it was made. Here the time is
always that of the format's beginning, the order is that of the names, and permissions are given. The compression is
zlib's, so its version is one of the inputs of a package.
"""

import hashlib
import stat
import zipfile

# The earliest time that a zip file can hold, as it holds it, and in seconds since 1970 for whoever asks for
# SOURCE_DATE_EPOCH.
EPOCH = (1980, 1, 1, 0, 0, 0)
EPOCH_SECONDS = 315_532_800

PROGRAM = 0o755
DATA = 0o644
# That the permissions are those of Unix.
UNIX = 3


def write(path, members):
    """Writes a zip file of members `(name, bytes, permissions)`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, content, permissions in sorted(members):
            member = zipfile.ZipInfo(name, EPOCH)
            member.create_system = UNIX
            member.external_attr = (stat.S_IFREG | permissions) << 16
            member.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(member, content, compresslevel=9)


def extract(path, folder):
    """Unpacks a zip file with the permissions that it gives, as Lambda does; Python's own way would forget them."""
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            file = folder / archive.extract(member, folder)
            file.chmod(member.external_attr >> 16 & 0o777)


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()
