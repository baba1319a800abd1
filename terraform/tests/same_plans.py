"""Plans both environments as if nothing were there yet, and compares what they are made of.

Needs what a plan needs: Terraform, the provider, and an account to ask who we are. Nothing is made.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

TERRAFORM = pathlib.Path(__file__).parent.parent
ROOT = TERRAFORM / "environments" / "root"


def terraform(*arguments: str) -> str:
    ran = subprocess.run(["terraform", *arguments], cwd=ROOT, check=False, capture_output=True, text=True)
    if ran.returncode != 0:
        sys.exit(f"terraform {arguments[0]} failed: {ran.stdout}{ran.stderr}")
    return ran.stdout


def resources(environment: str, folder: str) -> set[str]:
    plan = f"{folder}/{environment}.plan"
    packages = TERRAFORM / "tests" / "fixtures" / "packages"
    terraform(
        "plan", "-input=false", "-refresh=false", f"-var-file=../{environment}.tfvars", f"-var=packages={packages}",
        f"-state={folder}/{environment}.tfstate", f"-out={plan}",
    )
    changes = json.loads(terraform("show", "-json", plan))["resource_changes"]
    return {change["address"] for change in changes}


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TF_DATA_DIR"] = f"{folder}/data"
        # The state of a real environment is not looked at: a local backend takes the place of that in S3.
        override = ROOT / "backend_override.tf"
        override.write_text('terraform {\n  backend "local" {}\n}\n')
        try:
            terraform("init", "-input=false", "-reconfigure")
            dev, prod = resources("dev", folder), resources("prod", folder)
        finally:
            override.unlink()
    for address in sorted(dev ^ prod):
        print(f"{address} is in one environment only")
    print(f"dev: {len(dev)} resources, prod: {len(prod)}")
    return 0 if dev == prod and dev else 1


if __name__ == "__main__":
    sys.exit(main())
