"""The methods that change stages and segments, as the vendor's page has them. What a body may hold is in ``rules``.

Beyond the page: an unknown id answers 404; a body that is no JSON answers 400; of a list of stages all are added or
none; a colour that is not given is the palette's first; values that are not sent stay, ``values: null`` clears them.
"""

from __future__ import annotations

import json

from emulator import rules
from emulator.calls import Call, linked, missing
from emulator.messages import Answer, nothing, problem, success
from emulator.palettes import SEGMENT_COLORS, STAGE_COLORS
from emulator.routes import PATHS
from emulator.things import Json, Segment, Stage
from emulator.values import accepted_values


def add_stages(call: Call) -> Answer:
    """``POST /customers/statuses``: a list of stages; 422 where there would be too many."""
    sent = _body(call)
    if not isinstance(sent, list) or not sent:
        return _refused([rules.Flaw("InvalidType", "", "This value should be an array of stages.")])
    found = [(_request_id(one, position), rules.stage_flaws(one, is_new=True)) for position, one in enumerate(sent)]
    if flawed := [(request_id, flaws) for request_id, flaws in found if flaws]:
        return rules.refusal(flawed)
    if len(call.account.live_stages()) + len(sent) > rules.MAX_STAGES:
        return problem(422, f"No more than {rules.MAX_STAGES} stages can be created")
    added = []
    for position, one in enumerate(sent):
        color = one.get("color", STAGE_COLORS[0])
        stage_id = call.world.add_stage(call.account.id, one["name"], sort=one["sort"], color=color)
        added.append(linked(call, "stages", {"id": stage_id, "request_id": _request_id(one, position)}))
    links = {"self": {"href": call.request.base_url + PATHS["stages"]}}
    return success({"_total_items": len(added), "_links": links, "_embedded": {"statuses": added}})


def update_stage(call: Call) -> Answer:
    """``PATCH /customers/statuses/{id}``: name, sort, colour."""
    stage = _stage(call)
    if stage is None:
        return missing(call)
    sent = _body(call)
    if flaws := rules.stage_flaws(sent, is_new=False):
        return _refused(flaws, _request_id(sent))
    world, account_id = call.world, call.account.id
    if "name" in sent:
        world.rename_stage(account_id, stage.id, sent["name"])
    if "sort" in sent:
        world.sort_stage(account_id, stage.id, sent["sort"])
    if "color" in sent:
        world.recolor_stage(account_id, stage.id, sent["color"])
    item = stage.item(call.account) | {"request_id": _request_id(sent)}
    return success(linked(call, "stages", item))


def delete_stage(call: Call) -> Answer:
    """``DELETE /customers/statuses/{id}``; a system stage stays."""
    stage = _stage(call)
    if stage is None:
        return missing(call)
    if stage.is_default:
        return problem(400, "System stages can't be deleted")
    call.world.delete_stage(call.account.id, stage.id)
    return nothing()


def add_segment(call: Call) -> Answer:
    """``POST /customers/segments``: one segment; answers the whole of it."""
    sent = _body(call)
    if flaws := rules.segment_flaws(sent, call.account, is_new=True):
        return _refused(flaws, _request_id(sent))
    if len(call.account.live_segments()) >= rules.MAX_SEGMENTS:
        return problem(400, f"No more than {rules.MAX_SEGMENTS} segments can be created")
    color = sent.get("color", SEGMENT_COLORS[0])
    segment_id = call.world.add_segment(call.account.id, sent["name"], color=color)
    return _changed(call, call.account.segments[segment_id], sent)


def update_segment(call: Call) -> Answer:
    """``PATCH /customers/segments/{id}``: what is not sent stays, fields that are not sent included."""
    segment = _segment(call)
    if segment is None:
        return missing(call)
    sent = _body(call)
    if flaws := rules.segment_flaws(sent, call.account, is_new=False):
        return _refused(flaws, _request_id(sent))
    if "name" in sent:
        call.world.rename_segment(call.account.id, segment.id, sent["name"])
    if "color" in sent:
        call.world.recolor_segment(call.account.id, segment.id, sent["color"])
    return _changed(call, segment, sent)


def delete_segment(call: Call) -> Answer:
    """``DELETE /customers/segments/{id}``."""
    segment = _segment(call)
    if segment is None:
        return missing(call)
    call.world.delete_segment(call.account.id, segment.id)
    return nothing()


def _changed(call: Call, segment: Segment, sent: Json) -> Answer:
    """Set what new and changed segments have in common, and answer the whole segment."""
    world, account = call.world, call.account
    if "available_products_price_types" in sent:
        world.set_price_fields(account.id, segment.id, sent["available_products_price_types"])
    for one in sent.get("custom_fields_values") or []:
        definition = rules.field_of(one, account)
        assert definition is not None
        values = accepted_values(definition, one.get("values"), account.timezone)
        world.set_raw_values(account.id, segment.id, definition.id, values)
    item = segment.item(account, with_enum_codes=world.quirks.shows_enum_codes)
    if "request_id" in sent:
        item["request_id"] = sent["request_id"]
    return success(linked(call, "segments", item))


def _stage(call: Call) -> Stage | None:
    stage = call.account.stages.get(call.route.thing_id or 0)
    return stage if stage is not None and stage.deleted_at is None else None


def _segment(call: Call) -> Segment | None:
    segment = call.account.segments.get(call.route.thing_id or 0)
    return segment if segment is not None and segment.deleted_at is None else None


def _body(call: Call) -> Json:
    """The body's JSON; None, which no method takes, where it is not JSON."""
    try:
        return json.loads(call.request.body)
    except (ValueError, RecursionError):
        return None


def _request_id(sent: Json, position: int = 0) -> str:
    given = sent.get("request_id") if isinstance(sent, dict) else None
    return given if isinstance(given, str) else str(position)


def _refused(flaws: list[rules.Flaw], request_id: str = "0") -> Answer:
    return rules.refusal([(request_id, flaws)])
