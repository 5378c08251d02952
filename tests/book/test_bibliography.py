"""What the bibliography lists, the pages cite."""

import re

from repository import BOOK


def test_each_work_is_cited_on_a_page():
    listed = re.findall(
        r"^@\w+\{(.+),", (BOOK / "references.bib").read_text("utf-8"), re.M
    )
    pages = [*BOOK.glob("*.ipynb"), *BOOK.glob("*.md")]
    text = "".join(path.read_text("utf-8") for path in pages)
    cited = {
        key.strip()
        for keys in re.findall(r"\{cite(?::\w+)?\}`([^`]+)`", text)
        for key in keys.split(",")
    }
    assert len(listed) == len(set(listed)) > 0
    assert set(listed) - cited == set()
