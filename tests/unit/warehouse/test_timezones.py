"""Other names of timezones, from the files of the package tzdata."""

from __future__ import annotations

from pipelines.warehouse.timezones import other_names


def test_other_names_of_a_zone_are_the_links_of_the_database() -> None:
    assert "Europe/Kyiv" in other_names("Europe/Kiev")
    assert "Europe/Kiev" in other_names("Europe/Kyiv")
    assert "Asia/Kolkata" in other_names("Asia/Calcutta")
    assert "Europe/Berlin" not in other_names("Europe/Kiev")
    assert other_names("Mars/Base") == ()
