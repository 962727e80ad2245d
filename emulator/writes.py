"""Write methods for stages and segments, as in the vendor's documentation.

The documentation leaves open, and the emulator decides: an unknown id gets 404; a body that is not JSON gets 400; a
list of stages is added completely or not at all; the default color is the palette's first; values that are not sent
stay, and ``values: null`` clears them.
"""

from __future__ import annotations

import json

from emulator import validation
from emulator.calls import Call, not_found, with_self_link
from emulator.entities import Json, Segment, Stage
from emulator.messages import Response, no_content, problem, success
from emulator.palettes import SEGMENT_COLORS, STAGE_COLORS
from emulator.routes import PATHS
from emulator.values import parse_values


def add_stages(call: Call) -> Response:
    """``POST /customers/statuses``: add a list of stages; 422 if there would be too many."""
    body = _body(call)
    if isinstance(body, dict) and all(key.isdecimal() for key in body):
        body = list(body.values())  # the vendor's PHP client sends a collection with holes as an object
    if not isinstance(body, list) or not body:
        return _refused([validation.FieldError("InvalidType", "", "This value should be an array of stages.")])
    results = [
        (_request_id(stage_body, position), validation.validate_stage(stage_body))
        for position, stage_body in enumerate(body)
    ]
    if invalid := [(request_id, errors) for request_id, errors in results if errors]:
        return validation.validation_response(invalid)
    if len(call.account.live_stages()) + len(body) > validation.MAX_STAGES:
        return problem(422, f"No more than {validation.MAX_STAGES} stages can be created")
    added = []
    for position, stage_body in enumerate(body):
        color = stage_body.get("color", STAGE_COLORS[0])
        stage_id = call.world.add_stage(call.account.id, stage_body["name"], sort=stage_body["sort"], color=color)
        added.append(with_self_link(call, "stages", {"id": stage_id, "request_id": _request_id(stage_body, position)}))
    links = {"self": {"href": call.request.base_url + PATHS["stages"]}}
    return success({"_total_items": len(added), "_links": links, "_embedded": {"statuses": added}})


def update_stage(call: Call) -> Response:
    """``PATCH /customers/statuses/{id}``: change name, sort or color."""
    stage = _stage(call)
    if stage is None:
        return not_found(call)
    body = _body(call)
    if errors := validation.validate_stage(body, thing_id=stage.id):
        return _refused(errors, _request_id(body))
    world, account_id = call.world, call.account.id
    if "name" in body:
        world.rename_stage(account_id, stage.id, body["name"])
    if "sort" in body:
        world.sort_stage(account_id, stage.id, body["sort"])
    if "color" in body:
        world.recolor_stage(account_id, stage.id, body["color"])
    row = stage.item(call.account) | {"request_id": _request_id(body)}
    return success(with_self_link(call, "stages", row))


def delete_stage(call: Call) -> Response:
    """``DELETE /customers/statuses/{id}``: delete a stage; system stages are refused."""
    stage = _stage(call)
    if stage is None:
        return not_found(call)
    if stage.is_default:
        return problem(400, "System stages can't be deleted")
    call.world.delete_stage(call.account.id, stage.id)
    return no_content()


def add_segment(call: Call) -> Response:
    """``POST /customers/segments``: add a segment and return all of it."""
    body = _body(call)
    if errors := validation.validate_segment(body, call.account):
        return _refused(errors, _request_id(body))
    if len(call.account.live_segments()) >= validation.MAX_SEGMENTS:
        return problem(400, f"No more than {validation.MAX_SEGMENTS} segments can be created")
    color = body.get("color", SEGMENT_COLORS[0])
    segment_id = call.world.add_segment(call.account.id, body["name"], color=color)
    return _changed(call, call.account.segments[segment_id], body)


def update_segment(call: Call) -> Response:
    """``PATCH /customers/segments/{id}``: change the given properties and fields."""
    segment = _segment(call)
    if segment is None:
        return not_found(call)
    body = _body(call)
    if errors := validation.validate_segment(body, call.account, thing_id=segment.id):
        return _refused(errors, _request_id(body))
    if "name" in body:
        call.world.rename_segment(call.account.id, segment.id, body["name"])
    if "color" in body:
        call.world.recolor_segment(call.account.id, segment.id, body["color"])
    return _changed(call, segment, body)


def delete_segment(call: Call) -> Response:
    """``DELETE /customers/segments/{id}``: delete a segment."""
    segment = _segment(call)
    if segment is None:
        return not_found(call)
    call.world.delete_segment(call.account.id, segment.id)
    return no_content()


def _changed(call: Call, segment: Segment, body: Json) -> Response:
    """Apply prices and field values of a new or changed segment, and return the whole segment."""
    world, account = call.world, call.account
    if "available_products_price_types" in body:
        world.set_price_fields(account.id, segment.id, body["available_products_price_types"])
    for stage_body in body.get("custom_fields_values") or []:
        definition = validation.find_field(stage_body, account)
        assert definition is not None
        values = parse_values(definition, stage_body.get("values"), account.timezone)
        world.set_raw_values(account.id, segment.id, definition.id, values)
    row = segment.item(account, with_enum_codes=world.quirks.shows_enum_codes)
    if "request_id" in body:
        row["request_id"] = body["request_id"]
    return success(with_self_link(call, "segments", row))


def _stage(call: Call) -> Stage | None:
    stage = call.account.stages.get(call.route.thing_id or 0)
    return stage if stage is not None and stage.deleted_at is None else None


def _segment(call: Call) -> Segment | None:
    segment = call.account.segments.get(call.route.thing_id or 0)
    return segment if segment is not None and segment.deleted_at is None else None


def _body(call: Call) -> Json:
    """Parse the body; None, which every method rejects, if it is not JSON."""
    try:
        return json.loads(call.request.body)
    except (ValueError, RecursionError):
        return None


def _request_id(body: Json, position: int = 0) -> str:
    received_id = body.get("request_id") if isinstance(body, dict) else None
    return received_id if isinstance(received_id, str) else str(position)


def _refused(errors: list[validation.FieldError], request_id: str = "0") -> Response:
    return validation.validation_response([(request_id, errors)])
