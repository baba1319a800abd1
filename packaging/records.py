"""What earlier packages of the same inputs were, so that equal inputs can be seen to give equal bytes.

A record is of one zip file: the hash of its inputs, and of each build of them the hash of the result. A build counts
once, however often it was zipped: packing what is already there proves nothing. Where the inputs have changed, the
record begins again.
"""

import json


class Records:
    def __init__(self, path):
        self.path = path
        self.known = json.loads(path.read_text()) if path.exists() else {}

    def note(self, package, inputs, build, sha256):
        """Notes what a build of these inputs came to. `build` tells builds apart."""
        record = self.known.get(package)
        if record is None or record["inputs"] != inputs:
            record = self.known[package] = {"inputs": inputs, "builds": {}}
        record["builds"][build] = sha256

    def builds(self, package, inputs):
        """The results of the builds of these inputs, by build."""
        record = self.known.get(package)
        return record["builds"] if record is not None and record["inputs"] == inputs else {}

    def write(self):
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(json.dumps(self.known, indent=2, sort_keys=True) + "\n")


def verdict(builds_of_each):
    """`false` if any two builds of the same inputs differ, `true` if every package was built twice and they agree, else
    `unchecked`."""
    if any(len(set(builds.values())) > 1 for builds in builds_of_each):
        return "false"
    if builds_of_each and all(len(builds) > 1 for builds in builds_of_each):
        return "true"
    return "unchecked"
