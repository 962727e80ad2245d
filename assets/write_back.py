"""What is written back to amoCRM: the tables that keep it, and the job, run by hand, that plans and applies a file."""

# No "from __future__ import annotations": Dagster reads the annotations of the op as objects.
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import dagster as dg
from pydantic import Field

from assets.failures import told_to_dagster
from assets.resources import Workbench
from assets.specs import TABLES, table_spec
from pipelines.bounded_file import PLAN_BYTES, read_text
from pipelines.errors import SettingsError
from pipelines.manage.apply import Applied, apply
from pipelines.manage.calls import Plan
from pipelines.manage.live import Access, preview
from pipelines.manage.read_file import read_desired
from pipelines.manage.render import document, render_text
from pipelines.manage.wishes import wish_of

WRITE_BACKS: Final = tuple(
    table_spec(TABLES["amocrm", name], group="write_back", deps=[], kinds={"api", "postgres"})
    for name in ("write_back", "write_back_thing")
)
"""The tables that a load never writes: only commands and this job do."""

WRITE_BACK: Final = WRITE_BACKS[0].key


class Wanted(dg.Config):
    """What is wanted of an account, and whether it is only to be planned."""

    account: str | None = Field(default=None, description="The account's key, where the settings have several.")
    file: str | None = Field(default=None, description="The file: a path from the folder that Dagster was started in.")
    text: str | None = Field(default=None, description="The file's text, in place of its path.")
    dry_run: bool = Field(default=True, description="Only plan: show what would be done.")
    who: str | None = Field(default=None, description="Who does it; by default this run.")
    reason: str | None = Field(default=None, description="Why; it is kept with every call.")

    def contents(self) -> tuple[str, str]:
        """The text, and its name in messages. Raises ``SettingsError``."""
        if (self.file is None) == (self.text is None):
            raise SettingsError("It is not clear what is wanted.", advice="Set one of 'file' and 'text'.")
        if self.text is not None:
            return self.text, "the run's text"
        assert self.file is not None
        try:
            return read_text(Path(self.file), limit=PLAN_BYTES), self.file
        except (OSError, UnicodeDecodeError):
            raise SettingsError(
                f"{self.file} cannot be read.", advice="It has to be a text in UTF-8 that Dagster's process can reach."
            ) from None


@dg.op(description="Plan what makes the account as a file wants it, and do it unless dry_run is set.")
def make_as_wanted(
    context: dg.OpExecutionContext, config: Wanted, workbench: dg.ResourceParam[Workbench]
) -> Iterator[dg.AssetObservation | dg.AssetMaterialization | dg.Output[None]]:
    """Plan, show the plan, and apply it where that is asked for."""
    with told_to_dagster():
        access = Access(
            engine=workbench.engine,
            account=workbench.settings.account(config.account),
            settings=workbench.settings,
            clock=workbench.clock,
            run_id=context.run.run_id,
        )
        text, source = config.contents()
        wish = wish_of(read_desired(text, source=source), account_key=access.account.key)
        plan = preview(access, wish)
        context.log.info(render_text(plan))
        key = access.account.key
        yield dg.AssetObservation(WRITE_BACK, description="Planned.", partition=key, metadata=what_is_planned(plan))
        if not config.dry_run and not plan.is_empty:
            who = config.who or f"Dagster run {context.run.run_id}"
            applied = apply(access, wish, plan, who=who, reason=config.reason)
            metadata = what_is_planned(plan) | what_became_of_it(applied)
            yield dg.AssetMaterialization(WRITE_BACK, description="Applied.", partition=key, metadata=metadata)
            if applied.error:
                raise applied.error
    yield dg.Output(None, metadata=what_is_planned(plan))


@dg.job(
    name="manage_account",
    executor_def=dg.in_process_executor,
    description="Plan what makes an account's stages or segments as a file wants them; with dry_run off, do it.",
)
def manage_account() -> None:
    """Run by hand: nothing schedules it, and nothing repeats it."""
    make_as_wanted()


def what_is_planned(plan: Plan) -> dict[str, dg.MetadataValue | int]:
    """The plan for people and for programs."""
    return {
        "diff": dg.MetadataValue.md(fenced(render_text(plan))),
        "calls": len(plan.calls),
        "plan": dg.MetadataValue.json(document(plan)),
    }


def what_became_of_it(applied: Applied) -> dict[str, dg.MetadataValue | int]:
    """How far an apply came."""
    done = sum(made.outcome == "done" for made in applied.made)
    told: dict[str, dg.MetadataValue | int] = {"done": done, "left": len(applied.left)}
    if applied.loaded:
        told["observed_at"] = dg.MetadataValue.timestamp(applied.loaded.extracted.observed_at)
    return told


def fenced(text: str) -> str:
    """The text in Markdown as it is, whatever is in it."""
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{text}{fence}"
