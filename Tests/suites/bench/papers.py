"""Where the measured figures stand: whole in README.md beside this file, shortened in the READMEs at the top."""

import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[3]
WHOLE = ROOT / "Tests/suites/bench/README.md"
ENGLISH, PORTUGUESE = ROOT / "README.md", ROOT / "README.pt.md"


def replace_block(path, name, text):
    """Puts `text` between the marks `<!-- NAME:begin -->` and `<!-- NAME:end -->`, which must be there once."""
    if path == PORTUGUESE:
        text = re.sub(r"(?<=\d)\.(?=\d)", ",", text)
    block = re.compile(rf"(<!-- {name}:begin -->\n).*?(<!-- {name}:end -->)", re.S)
    page, count = block.subn(lambda mark: mark[1] + text + "\n" + mark[2], path.read_text())
    if count != 1:
        raise SystemExit(f"{path} has {count} blocks '{name}', not one")
    path.write_text(page)


def table(*rows):
    """A Markdown table of rows of cells, the first its head."""
    lines = ["| " + " | ".join(map(str, row)) + " |" for row in rows]
    return "\n".join([lines[0], "|---" * len(rows[0]) + "|", *lines[1:]])
