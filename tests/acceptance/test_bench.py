"""Small form of the bench: one account, two loads, the real server of responses, tables at the end."""

from __future__ import annotations

import time
from pathlib import Path

from bench.peers import answering
from bench.peers.figures import Figure, Measured
from bench.peers.floors import COPY
from bench.peers.ours import OURS
from bench.peers.payloads import captured
from bench.peers.race import Race
from bench.peers.report import markdown
from bench.peers.tool import legend
from pipelines.embedded_postgres.server import embedded_postgres
from tests.conftest import shared_temporary_folder


def test_our_loads_are_measured_and_their_data_compared() -> None:
    """Without peers, whose environments come from the network."""
    figures: dict[tuple[int, str, str], Figure] = {}
    tools = (OURS, COPY)
    with shared_temporary_folder() as folder:
        payloads = captured(folder, 1)
        with answering(payloads) as port, embedded_postgres(folder / "postgres", is_durable=False) as postgres:
            race = Race(
                folder=folder,
                postgres=postgres,
                payloads=payloads,
                port=port,
                accounts=1,
                number=0,
                ends=time.monotonic() + 600,
                limit=600,
                figures=figures,
            )
            race.run(tools, ["first", "unchanged"])
        assert not [figure.failure for figure in figures.values() if figure.failure]
        found = {(case, tool): len(figure.runs) for (_, case, tool), figure in figures.items()}
        assert found == {(case, tool.name): 1 for case in ("first", "unchanged") for tool in tools}
        page = markdown(
            [Measured(facts={}, tools=[legend(tool, Path()) for tool in tools], figures=list(figures.values()))]
        )
    assert "| ours |" in page
