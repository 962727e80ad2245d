"""Figures of the benches: ratios within a pass, and lower bounds."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.peers.figures import Figure, Figures, Measured, Run
from bench.peers.report import BEGIN, BEGIN_STANDING, END, END_STANDING, markdown, write_into

TOOLS = [
    {"name": "ours", "keeps": "history", "what": "this software"},
    {"name": "dlt-scd2", "keeps": "history", "what": "a peer"},
]


def figure(tool: str, *seconds: float, case: str = "unchanged", more_than: float | None = None) -> Figure:
    runs = [
        Run(number=number, seconds=one, cpu_seconds=one / 2, megabytes=100 + number, stored_bytes=1000)
        for number, one in enumerate(seconds)
    ]
    failure = "was not done" if more_than else None
    return Figure(tool=tool, case=case, accounts=100, runs=runs, more_than=more_than, failure=failure)


def measured(*figures: Figure) -> Measured:
    return Measured(facts={"measured": "today"}, tools=TOOLS, figures=list(figures))


def test_the_file_gives_back_what_was_measured(tmp_path: Path) -> None:
    one = measured(figure("ours", 1.0, 2.0), figure("dlt-scd2", more_than=300.0))
    one.write(tmp_path / "figures.json")
    assert Measured.read(tmp_path / "figures.json") == one


def test_a_ratio_is_taken_within_a_pass() -> None:
    found = Figures([measured(figure("ours", 1.0, 2.0), figure("dlt-scd2", 10.0, 40.0))])
    assert found.ratios(100, "unchanged", "dlt-scd2") == [10.0, 20.0]


def test_passes_of_several_files_are_never_mixed() -> None:
    first = measured(figure("ours", 1.0), figure("dlt-scd2", 10.0))
    without_ours, again = measured(figure("dlt-scd2", 99.0)), measured(figure("ours", 2.0), figure("dlt-scd2", 60.0))
    found = Figures([first, without_ours, again])
    assert found.ratios(100, "unchanged", "dlt-scd2") == [10.0, 30.0]
    both = found.get(100, "unchanged", "ours")
    assert both
    assert both.seconds == 1.5


def test_what_was_given_up_is_a_bound() -> None:
    one = measured(figure("ours", 2.0), figure("dlt-scd2", more_than=300.0))
    found = Figures([one])
    assert found.get(100, "unchanged", "dlt-scd2") is None
    assert found.bound_ratio(100, "unchanged", "dlt-scd2") == 150.0
    assert "| > 300 s, **> 150.0×** |" in markdown([one])


@pytest.mark.parametrize(
    ("seconds", "cell"),
    [((40.0, 20.0), "30.00× dlt-scd2 (≥ 5×)"), ((4.0, 2.0), "**3.00× dlt-scd2 (≥ 5×) missed**")],
)
def test_where_we_stand_shows_the_fastest_peer_and_the_aim(seconds: tuple[float, float], cell: str) -> None:
    peers = [figure("dlt-scd2", *seconds), figure("read", 0.1, 0.1)]
    text = markdown([measured(figure("ours", 1.0, 1.0), *peers)])
    assert f"| peers that keep history, 100 accounts |  | {cell} |  |  |" in text


def test_agreement_of_the_passes_is_shown() -> None:
    text = markdown([measured(figure("ours", 1.0, 1.1), figure("dlt-scd2", 10.0, 15.0))])
    assert "ours at most 10%, all at most 50% (dlt-scd2, nothing changed)" in text


def test_tables_are_written_between_the_marks_only(tmp_path: Path) -> None:
    document = tmp_path / "README.md"
    document.write_text(
        f"top\n{BEGIN_STANDING}\nold\n{END_STANDING}\nbefore\n{BEGIN}\nold\n{END}\nafter\n", encoding="utf-8"
    )
    for _ in range(2):
        write_into(document, [measured(figure("ours", 1.0))])
    text = document.read_text(encoding="utf-8")
    assert text.startswith(f"top\n{BEGIN_STANDING}\n")
    assert f"\nbefore\n{BEGIN}\n" in text
    assert text.endswith(f"{END}\nafter\n")
    assert "old" not in text
    assert text.count("**100 accounts, seconds**") == 1
