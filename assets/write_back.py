"""Write-back to amoCRM: its journal tables, and the op that plans and applies a file of desired state."""

# No "from __future__ import annotations": Dagster reads the annotations of the op as objects.
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import dagster as dg
from pydantic import Field

from assets.dagster_errors import errors_shown
from assets.names import APPLY_OP
from assets.resources import Warehouse
from assets.specs import TABLES, table_spec
from pipelines.amocrm.messages import EntityKind
from pipelines.base.bounded_file import PLAN_BYTES
from pipelines.base.confined_file import read_below
from pipelines.base.errors import SettingsError
from pipelines.config.settings import Settings
from pipelines.writeback.apply import ApplyResult, apply
from pipelines.writeback.calls import Plan
from pipelines.writeback.config_file import parse_desired
from pipelines.writeback.live_account import preview_plan
from pipelines.writeback.plan_fingerprint import deleted_ids, fingerprint
from pipelines.writeback.plan_source import to_desired_state
from pipelines.writeback.render import plan_document, render_text

WRITE_BACKS: Final = tuple(
    table_spec(TABLES["amocrm", name], group="write_back", deps=[], kinds={"api", "postgres"})
    for name in ("write_back", "write_back_thing")
)
"""Journal of write-back, written by commands and the job manage_account."""

WRITE_BACK: Final = WRITE_BACKS[0].key


class WriteBackConfig(dg.Config):
    """Desired state of an account, and whether to apply it or only plan it."""

    account: str | None = Field(default=None, description="The account's key, if the settings have several.")
    file: str | None = Field(default=None, description="The file, as a path below the folder AMOCRM_WRITE_BACK_DIR.")
    text: str | None = Field(default=None, description="The file's text, instead of its path.")
    dry_run: bool = Field(default=True, description="Only plan: show the calls and the plan's fingerprint.")
    fingerprint: str | None = Field(
        default=None, description="To apply: the fingerprint that the run with dry_run showed."
    )
    delete_segments: list[int] = Field(
        default=[], description="To apply: the id of every segment that the plan deletes."
    )
    delete_stages: list[int] = Field(default=[], description="To apply: the id of every stage that the plan deletes.")
    who: str | None = Field(default=None, description="Who applies it; by default this run.")
    reason: str | None = Field(default=None, description="Reason, stored with every call.")

    def contents(self, folder: Path | None) -> tuple[str, str]:
        """Return the text, and its name for messages; read files below ``folder`` only. Raises ``SettingsError``."""
        if (self.file is None) == (self.text is None):
            raise SettingsError("The desired state is missing or given twice.", advice="Set one of 'file' and 'text'.")
        if self.text is not None:
            if len(self.text) > PLAN_BYTES:
                raise SettingsError(f"The text has more than {PLAN_BYTES:,} characters.", advice="Shorten it.")
            return self.text, "the run's text"
        assert self.file is not None
        if folder is None:
            raise SettingsError(
                "Dagster may not read files: AMOCRM_WRITE_BACK_DIR is not set.",
                advice="Set it to the folder of these files, or put the text in 'text'.",
            )
        try:
            return read_below(folder, self.file).decode("utf-8-sig"), self.file
        except UnicodeDecodeError:
            raise SettingsError(f"{self.file} is not UTF-8 text.", advice="Save it as UTF-8.") from None


@dg.op(
    name=APPLY_OP, description="Plan the calls that make the account match a file; apply them unless dry_run is set."
)
def apply_desired_state(
    context: dg.OpExecutionContext, config: WriteBackConfig, workbench: dg.ResourceParam[Warehouse]
) -> Iterator[dg.AssetObservation | dg.AssetMaterialization | dg.Output[None]]:
    """Plan, show the plan, and apply it if dry_run is off."""
    with errors_shown():
        access = workbench.load_context(workbench.settings.account(config.account), context.run.run_id)
        if not config.dry_run:
            refuse_unless_allowed(config, workbench.settings)
        text, source = config.contents(workbench.settings.write_back_dir)
        desired_state = to_desired_state(parse_desired(text, source=source), account_key=access.account.key)
        plan = preview_plan(access, desired_state)
        context.log.info("%s\nFingerprint of this plan: %s", render_text(plan), fingerprint(plan))
        key = access.account.key
        yield dg.AssetObservation(WRITE_BACK, description="Planned.", partition=key, metadata=plan_metadata(plan))
        if not config.dry_run and not plan.is_empty:
            refuse_another_plan(config, plan, account=key)
            who = config.who or f"Dagster run {context.run.run_id}"
            applied = apply(access, desired_state, plan, who=who, reason=config.reason)
            metadata = plan_metadata(plan) | apply_metadata(applied)
            yield dg.AssetMaterialization(WRITE_BACK, description="Applied.", partition=key, metadata=metadata)
            if applied.error:
                raise applied.error
    yield dg.Output(None, metadata=plan_metadata(plan))


def refuse_unless_allowed(config: WriteBackConfig, settings: Settings) -> None:
    """Raise ``SettingsError`` if Dagster may not change accounts, or no fingerprint is given."""
    if not settings.write_back_from_dagster:
        raise SettingsError(
            "Dagster may not change accounts. Nothing was sent.",
            advice="Set AMOCRM_WRITE_BACK_FROM_DAGSTER=on and restart Dagster, or use './run apply'.",
        )
    if not config.fingerprint:
        raise SettingsError(
            "The fingerprint is missing. Nothing was sent.",
            advice="Run with dry_run first, review the plan, and set 'fingerprint' to the one shown.",
        )


def refuse_another_plan(config: WriteBackConfig, plan: Plan, *, account: str) -> None:
    """Raise ``SettingsError`` unless this plan has the given fingerprint and all its deletions are listed."""
    if config.fingerprint != fingerprint(plan):
        raise SettingsError(
            "The plan has another fingerprint: the file or the account has changed. Nothing was sent.",
            account=account,
            advice="Run with dry_run again, review the plan, and use its fingerprint.",
        )
    kinds: dict[EntityKind, list[int]] = {"segment": config.delete_segments, "stage": config.delete_stages}
    for kind, named in kinds.items():
        deleted = deleted_ids(plan, kind)
        if tuple(sorted(set(named))) != deleted:
            ids = f"[{', '.join(map(str, deleted))}]"
            raise SettingsError(
                f"The plan deletes the {kind}s {ids}, but the configuration lists others. Nothing was sent.",
                account=account,
                advice=f"To delete them, set 'delete_{kind}s' to {ids}.",
            )


def plan_metadata(plan: Plan) -> dict[str, dg.MetadataValue | int | str]:
    """Return the plan as text and as JSON."""
    return {
        "diff": dg.MetadataValue.md(fence_markdown(render_text(plan))),
        "calls": len(plan.calls),
        "fingerprint": fingerprint(plan),
        "plan": dg.MetadataValue.json(plan_document(plan)),
    }


def apply_metadata(applied: ApplyResult) -> dict[str, dg.MetadataValue | int]:
    """Return how many calls were done and left."""
    done = sum(call.outcome == "done" for call in applied.applied_calls)
    metadata: dict[str, dg.MetadataValue | int] = {"done": done, "left": len(applied.remaining_calls)}
    if applied.load:
        metadata["observed_at"] = dg.MetadataValue.timestamp(applied.load.extracted.observed_at)
    return metadata


def fence_markdown(text: str) -> str:
    """Put the text in a Markdown code block that it cannot close."""
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{text}{fence}"
