"""Publishes dist/contracts.zip as a version of a Lambda layer, unless the newest version holds it already, and prints the
version's ARN.

A layer's versions cannot be changed, and nothing uses one before a deployment names it, so that this is safe to run
before every plan. Needs the AWS command line.
"""

import base64
import hashlib
import json
import pathlib
import subprocess
import sys


def aws(region: str, *arguments: str) -> dict:
    ran = subprocess.run(
        ["aws", "lambda", *arguments, "--region", region, "--output", "json"], check=False, capture_output=True, text=True
    )
    if ran.returncode != 0:
        sys.exit(f"aws lambda {arguments[0]} failed: {ran.stderr.strip()}")
    return json.loads(ran.stdout)


def main(layer: str, region: str, package: str) -> None:
    digest = base64.b64encode(hashlib.sha256(pathlib.Path(package).read_bytes()).digest()).decode()
    versions = aws(region, "list-layer-versions", "--layer-name", layer, "--max-items", "1").get("LayerVersions", [])
    for version in versions:
        known = aws(region, "get-layer-version-by-arn", "--arn", version["LayerVersionArn"])
        if known["Content"]["CodeSha256"] == digest:
            print(known["LayerVersionArn"])
            return
    published = aws(region, "publish-layer-version", "--layer-name", layer, "--zip-file", f"fileb://{package}")
    print(published["LayerVersionArn"])


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit("usage: publish_contracts.py LAYER REGION PACKAGE")
    main(*sys.argv[1:])
