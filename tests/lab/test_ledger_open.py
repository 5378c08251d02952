"""The table of what is open: its commands can be read and copied."""

import re

from coordlib.lab.record import ledger, ledger_html


def test_a_command_is_cut_between_its_words_and_options_alone():
    shown = ledger_html.open_rows(ledger.ledger())
    codes = re.findall(r"<code>(.*?)</code>", shown)
    assert codes
    for code in codes:
        assert not re.sub(r"<span>[^<]+</span>", "", code).strip()
        parts = re.findall(r"<span>([^<]+)</span>", code)
        assert all(" " not in part or part.startswith("-") for part in parts)
        assert " ".join(parts) == re.sub("<[^>]+>", "", code)
        assert re.fullmatch(r"--seeds \d+", parts[-1])


def test_cells_say_their_column_where_there_is_no_head():
    shown = ledger_html.open_rows(ledger.ledger())
    labels = set(re.findall(r'<td data-label="([^"]+)"', shown))
    assert labels == {"seeds", "next", "for δ", "command"}
    assert labels < set(re.findall(r'<th scope="col">([^<]*)</th>', shown))


def test_a_command_that_cannot_decide_a_row_says_so():
    entries = {entry.claim.id: entry for entry in ledger.ledger()}
    for name, decides in (("L19", False), ("P04", False), ("L15", True)):
        shown = ledger_html.open_rows([entries[name]])
        assert ("does not decide it" in shown) == (not decides), name
