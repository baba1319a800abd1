"""What `make package` decides, tested without building anything: run by `make test-package`."""

import json
import os
import pathlib
import stat
import struct
import sys
import tempfile
import textwrap
import time
import unittest
import zipfile

import builds
import cold_start
import programs
import records
import sbom
import zips


def elf(machine, *texts):
    """The beginning of an ELF file, and what a program may hold further on."""
    return b"\x7fELF" + bytes(14) + struct.pack("<H", machine) + b"\0" + b"\0".join(texts)


class InFolder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name).resolve()


class Zips(InFolder):
    members = [("bootstrap", b"a program " * 1000, zips.PROGRAM), ("a/b.toml", b"table", zips.DATA)]

    def test_the_same_members_give_the_same_bytes_at_another_time_and_in_another_order(self):
        first, second = self.folder / "first.zip", self.folder / "second.zip"
        zips.write(first, self.members)
        # More than the two seconds that a zip file can tell apart.
        os.utime(first, (time.time() - 10, time.time() - 10))
        zips.write(second, self.members[::-1])
        self.assertEqual(first.read_bytes(), second.read_bytes())

    def test_no_member_has_the_time_at_which_it_was_packed(self):
        zips.write(self.folder / "x.zip", self.members)
        with zipfile.ZipFile(self.folder / "x.zip") as archive:
            self.assertEqual([(m.filename, m.date_time) for m in archive.infolist()], [
                ("a/b.toml", (1980, 1, 1, 0, 0, 0)), ("bootstrap", (1980, 1, 1, 0, 0, 0)),
            ])

    def test_another_byte_gives_another_hash(self):
        zips.write(self.folder / "x.zip", [("bootstrap", b"a", zips.PROGRAM)])
        zips.write(self.folder / "y.zip", [("bootstrap", b"b", zips.PROGRAM)])
        self.assertNotEqual(zips.sha256(self.folder / "x.zip"), zips.sha256(self.folder / "y.zip"))

    def test_a_program_stays_executable_and_data_does_not_become_it(self):
        zips.write(self.folder / "x.zip", self.members)
        zips.extract(self.folder / "x.zip", self.folder)
        mode = {name: stat.S_IMODE((self.folder / name).stat().st_mode) for name in ("bootstrap", "a/b.toml")}
        self.assertEqual(mode, {"bootstrap": 0o755, "a/b.toml": 0o644})


class Programs(unittest.TestCase):
    here = [pathlib.Path("/home/someone")]

    def refused(self, program, arch="x86_64"):
        with self.assertRaises(programs.Unfit) as caught:
            programs.examine(program, arch, "2.34", self.here)
        return str(caught.exception)

    def test_a_fit_program_is_taken(self):
        programs.examine(elf(62, b"GLIBC_2.2.5", b"GLIBC_2.34"), "x86_64", "2.34", self.here)
        programs.examine(elf(183, b"GLIBC_2.17"), "arm64", "2.34", self.here)
        # Without glibc, as a static program is.
        programs.examine(elf(62), "x86_64", "2.34", self.here)

    def test_a_program_of_another_machine_is_refused(self):
        self.assertEqual(self.refused(elf(183)), "it is for machine 183, and x86_64 is 62")
        self.assertEqual(self.refused(b"#!/bin/sh"), "it is no ELF file")

    def test_a_program_that_lambda_could_not_link_is_refused(self):
        self.assertEqual(self.refused(elf(62, b"GLIBC_2.9", b"GLIBC_2.36")), "it needs glibc 2.36, and Lambda has 2.34")

    def test_a_program_that_names_a_folder_is_refused(self):
        self.assertEqual(
            self.refused(elf(62, b"at /home/someone/iguazu/lake/src/lib.rs")),
            "it names a folder of this machine: /home/someone/iguazu/lake/src/lib.rs",
        )


class Records(InFolder):
    def test_a_build_counts_once_and_other_inputs_begin_again(self):
        path = self.folder / "record.json"
        first = records.Records(path)
        first.note("x86_64/ingest.zip", "inputs 1", "here 1", "aa")
        first.note("x86_64/ingest.zip", "inputs 1", "here 1", "aa")
        first.write()
        later = records.Records(path)
        self.assertEqual(later.builds("x86_64/ingest.zip", "inputs 1"), {"here 1": "aa"})
        self.assertEqual(later.builds("x86_64/ingest.zip", "inputs 2"), {})
        later.note("x86_64/ingest.zip", "inputs 2", "here 2", "bb")
        self.assertEqual(later.builds("x86_64/ingest.zip", "inputs 1"), {})
        self.assertEqual(later.builds("x86_64/ingest.zip", "inputs 2"), {"here 2": "bb"})

    def test_only_two_builds_of_every_package_show_anything(self):
        once, twice, differing = {"here": "a"}, {"here": "a", "copy": "a"}, {"here": "a", "copy": "b"}
        for each, expected in [
            ([], "unchecked"), ([once], "unchecked"), ([twice], "true"), ([twice, once], "unchecked"),
            ([twice, twice], "true"), ([differing], "false"), ([once, differing], "false"), ([twice, differing], "false"),
        ]:
            with self.subTest(each):
                self.assertEqual(records.verdict(each), expected)


class Environment(InFolder):
    def site(self):
        return builds.Site(
            self.folder / "source", self.folder / "source/target", self.folder / "cargo", self.folder / "zig", self.folder / "bin"
        )

    def test_nothing_of_the_caller_reaches_the_compilers_but_where_things_are(self):
        meddling = {
            "RUSTFLAGS": "-Cdebuginfo=2", "CFLAGS": "-O0", "CARGO_PROFILE_RELEASE_LTO": "off", "CARGO_BUILD_TARGET": "wasm32",
            "HTTPS_PROXY": "http://proxy:1",
        }
        before = dict(os.environ)
        os.environ.update(meddling)
        try:
            made = builds.environment(builds.TARGETS["arm64"], self.site())
        finally:
            os.environ.clear()
            os.environ.update(before)
        self.assertEqual(made["HTTPS_PROXY"], "http://proxy:1")
        self.assertNotIn("RUSTFLAGS", made)
        self.assertNotIn("CARGO_PROFILE_RELEASE_LTO", made)
        self.assertNotIn("CARGO_BUILD_TARGET", made)
        self.assertNotIn("-O0", made["CFLAGS"])
        self.assertEqual(made["AWS_LC_SYS_NO_JITTER_ENTROPY"], "1")

    def test_the_target_folder_is_renamed_after_the_sources_that_it_is_in(self):
        flags = builds.environment(builds.TARGETS["x86_64"], self.site())["CARGO_ENCODED_RUSTFLAGS"].split("\x1f")
        source = flags.index(f"--remap-path-prefix={self.folder}/source=/iguazu")
        target = flags.index(f"--remap-path-prefix={self.folder}/source/target=/target")
        self.assertLess(source, target)
        self.assertIn("-Ctarget-cpu=haswell", flags)

    def test_a_build_is_for_lambdas_glibc_and_keeps_unwinding(self):
        command = builds.command("compact", builds.TARGETS["arm64"])
        self.assertIn("aarch64-unknown-linux-gnu.2.34", command)
        self.assertIn("--disable-optimizations", command)
        self.assertIn("--locked", command)

    def test_inputs_are_sources_and_no_product(self):
        for name in ("src/lib.rs", "Cargo.toml", "target/x", ".venv-a/y", "dist/z", "tests/__pycache__/p"):
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("")
        found = [str(path.relative_to(self.folder)) for path in builds.files_below(self.folder)]
        self.assertEqual(found, ["Cargo.toml", "src/lib.rs"])


class Bills(unittest.TestCase):
    tree = textwrap.dedent("""\
        0iguazu-ingest v0.1.0 (/somewhere/ingest)
        1bytes v1.12.0
        1iguazu-lake v0.1.0 (/somewhere/lake)
        2bytes v1.12.0 (*)
        1zstd-sys v2.0.1+zstd.1.5.7
        """)
    lock = textwrap.dedent("""\
        version = 4

        [[package]]
        name = "bytes"
        version = "1.12.0"
        source = "registry"
        checksum = "bb"

        [[package]]
        name = "iguazu-lake"
        version = "0.1.0"

        [[package]]
        name = "zstd-sys"
        version = "2.0.1+zstd.1.5.7"
        checksum = "cc"
        """)
    rustc = "rustc 1.95.0\nrelease: 1.95.0\ncommit-hash: abc\n"

    def bill(self):
        packages = [
            {"name": "iguazu-ingest", "version": "0.1.0", "license": "Apache-2.0", "description": "ingest"},
            {"name": "iguazu-lake", "version": "0.1.0", "license": "Apache-2.0"},
            {"name": "bytes", "version": "1.12.0", "license": "MIT", "repository": "https://example.org/bytes"},
            {"name": "zstd-sys", "version": "2.0.1+zstd.1.5.7", "license": "MIT/Apache-2.0"},
            # In the workspace, and not in the program.
            {"name": "proptest", "version": "1.12.0", "license": "MIT"},
        ]
        return sbom.bill(self.tree, packages, self.lock, self.rustc, "ingest", "arm64", "dd")

    def test_a_bill_lists_what_the_tree_holds_once_each_and_nothing_else(self):
        bill = self.bill()
        self.assertEqual([(c["name"], c["version"]) for c in bill["components"]], [
            ("bytes", "1.12.0"), ("iguazu-lake", "0.1.0"), ("zstd-sys", "2.0.1+zstd.1.5.7"), ("rust-std", "1.95.0"),
        ])
        self.assertEqual(bill["metadata"]["component"]["hashes"], [{"alg": "SHA-256", "content": "dd"}])
        by_name = {component["name"]: component for component in bill["components"]}
        self.assertEqual(by_name["bytes"]["hashes"], [{"alg": "SHA-256", "content": "bb"}])
        self.assertNotIn("hashes", by_name["iguazu-lake"])
        self.assertEqual(by_name["zstd-sys"]["licenses"], [{"expression": "MIT OR Apache-2.0"}])

    def test_a_bill_says_who_needs_whom(self):
        self.assertEqual({edge["ref"]: edge["dependsOn"] for edge in self.bill()["dependencies"]}, {
            "pkg:cargo/iguazu-ingest@0.1.0": [
                "pkg:cargo/bytes@1.12.0", "pkg:cargo/iguazu-lake@0.1.0", "pkg:cargo/zstd-sys@2.0.1+zstd.1.5.7", "rust-std@1.95.0",
            ],
            "pkg:cargo/iguazu-lake@0.1.0": ["pkg:cargo/bytes@1.12.0"],
            "pkg:cargo/bytes@1.12.0": [],
            "pkg:cargo/zstd-sys@2.0.1+zstd.1.5.7": [],
            "rust-std@1.95.0": [],
        })

    def test_the_same_package_has_the_same_bill(self):
        self.assertEqual(json.dumps(self.bill()), json.dumps(self.bill()))
        self.assertNotIn("/somewhere", json.dumps(self.bill()))

    def test_a_line_that_is_not_understood_is_no_crate(self):
        with self.assertRaises(builds.Failed):
            sbom.tree("warning: something")


class ColdStarts(InFolder):
    def program(self, text):
        path = self.folder / "bootstrap"
        path.write_text(f"#!{sys.executable}\n{textwrap.dedent(text)}")
        path.chmod(0o755)
        return path

    def test_a_function_is_timed_to_its_first_poll_with_its_secrets_set(self):
        (self.folder / "orders.toml").write_text('steps = [{ hmac_sha256 = "customer_key" }]')
        program = self.program("""
            import os, urllib.request
            assert len(os.environ["IGUAZU_SECRET_CUSTOMER_KEY"]) == 64 and "HOME" not in os.environ
            api, cloud = os.environ["AWS_LAMBDA_RUNTIME_API"], os.environ["AWS_ENDPOINT_URL"]
            urllib.request.urlopen(f"{cloud}/2015-03-31/event-source-mappings?FunctionName=measured").read()
            urllib.request.urlopen(f"http://{api}/2018-06-01/runtime/invocation/next").read()
        """)
        median, greatest = cold_start.measure(program, self.folder, starts=3)
        self.assertGreater(median, 0)
        self.assertGreaterEqual(greatest, median)

    def test_a_function_that_ends_before_it_polls_is_no_start(self):
        program = self.program("print('IGUAZU_BUCKET is wrong'); raise SystemExit(1)")
        with self.assertRaisesRegex(cold_start.NoStart, "IGUAZU_BUCKET is wrong"):
            cold_start.start(program, self.folder)

    def test_a_question_that_nothing_answers_is_no_start(self):
        program = self.program("""
            import os, urllib.error, urllib.request
            api = os.environ["AWS_LAMBDA_RUNTIME_API"]
            try:
                urllib.request.urlopen(f"http://{api}/surprise", data=b"")
            except urllib.error.HTTPError:
                pass
            urllib.request.urlopen(f"http://{api}/2018-06-01/runtime/invocation/next")
        """)
        with self.assertRaisesRegex(cold_start.NoStart, "it asked for POST /surprise"):
            cold_start.start(program, self.folder)


if __name__ == "__main__":
    unittest.main()
