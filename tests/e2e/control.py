"""Runs the end-to-end test with a wrong thing done on purpose: the proof must find it, and find what was done."""

import re
import subprocess
import sys

program, folder = sys.argv[1:]
failed = False
for control, found in [("lose", "loss"), ("double", "duplicates")]:
    command = [program, "--control", control, "--seconds", "15", "--rate", "300", "--out", f"{folder}/{control}"]
    ended = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    results = re.findall(rf"^RESULT e2e .*\b{found}=(\d+)", ended.stdout, re.MULTILINE)
    count = int(results[0]) if results else 0
    if ended.returncode == 1 and count > 0:
        print(f"{control}: found, {found}={count}")
    else:
        failed = True
        print(ended.stdout)
        print(f"{control}: NOT FOUND, exit code {ended.returncode}, {found}={count}; the logs are in {folder}/{control}")
print(f"RESULT e2e-control found={'false' if failed else 'true'}")
sys.exit(failed)
