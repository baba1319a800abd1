"""Writes the tables of inputs and outputs into README.md, or checks with --check that they are as the module is.

It reads what `terraform fmt` has laid out: a block begins in the first column, its arguments after two spaces.
"""

import pathlib
import re
import sys

HERE = pathlib.Path(__file__).parent


def blocks(kind: str, text: str):
    """Each block's name and arguments, and the comment with which a group of blocks begins."""
    group = ""
    for match in re.finditer(rf'^# ([^\n]+)\.\n\n(?={kind})|^{kind} "(\w+)" \{{\n(.*?)^\}}\n', text, re.M | re.S):
        if match[1]:
            group = match[1]
        else:
            yield group, match[2], arguments(match[3])


def arguments(body: str) -> dict[str, str]:
    """The arguments of a block; those of blocks within it are left out."""
    found = re.finditer(r"^  (\w+)\s*= (.*(?:\n    .*)*(?:\n  [})\]].*)?)", body, re.M)
    return {match[1]: " ".join(match[2].split()) for match in found}


def cell(text: str) -> str:
    return text.replace("|", "\\|")


def text_of(literal: str) -> str:
    return literal.strip('"').replace('\\"', '"')


def inputs() -> str:
    lines, last = [], None
    for group, name, it in blocks("variable", (HERE / "variables.tf").read_text()):
        if group != last:
            lines += ["", f"**{group}**", "", "| name | what it is | type | default |", "|---|---|---|---|"]
            last = group
        default = f"`{cell(it['default'])}`" if "default" in it else "required"
        lines.append(f"| `{name}` | {cell(text_of(it['description']))} | `{cell(it['type'])}` | {default} |")
    return "\n".join(lines).strip()


def outputs() -> str:
    lines = ["| name | what it is |", "|---|---|"]
    for _, name, it in blocks("output", (HERE / "outputs.tf").read_text()):
        lines.append(f"| `{name}` | {cell(text_of(it['description']))} |")
    return "\n".join(lines)


def filled(text: str) -> str:
    for name, table in (("inputs", inputs()), ("outputs", outputs())):
        begin, end = f"<!-- {name}, written by `make terraform-docs` -->", f"<!-- end of {name} -->"
        before, rest = text.split(begin)
        _, after = rest.split(end)
        text = f"{before}{begin}\n{table}\n{end}{after}"
    return text


def main() -> int:
    page = HERE / "README.md"
    now = page.read_text()
    right = filled(now)
    if "--check" in sys.argv[1:]:
        if now != right:
            print("terraform/README.md is not as the module is: make terraform-docs")
            return 1
        return 0
    page.write_text(right)
    return 0


if __name__ == "__main__":
    sys.exit(main())
