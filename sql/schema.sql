-- The schema that all migrations give, for reading. './run dictionary' writes this file; nothing executes it.
-- Views are in sql/views: Postgres versions print the same view differently.

CREATE SCHEMA amocrm;

COMMENT ON SCHEMA amocrm IS 'History of amoCRM accounts as the pipeline stores it. Read it through the schema analytics.';

CREATE SCHEMA analytics;

COMMENT ON SCHEMA analytics IS 'What analysts and dashboards read: views on the history of amoCRM accounts.';

CREATE SCHEMA members;

COMMENT ON SCHEMA members IS 'Which customer was in which stage or segment, by amoCRM''s ids. Only members of the role amocrm_members read it.';

CREATE FUNCTION amocrm.account_ranges(account_ids bigint[]) RETURNS int8multirange[]
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    return array[(
        select pg_catalog.range_agg(pg_catalog.int8range(one.account_id, one.account_id, '[]'))
        from pg_catalog.unnest(account_ids) as one (account_id)
    )];
end
$$;

COMMENT ON FUNCTION amocrm.account_ranges(account_ids bigint[]) IS 'Account ids as one multirange in an array. Part of the policies of row-level security.';

CREATE FUNCTION amocrm.is_readable(account_id bigint, account_ids bigint[]) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN (account_ids IS NULL) THEN true WHEN (cardinality(account_ids) = 1) THEN ((account_id = (account_ids)[1]) AND (CASE WHEN (account_id = ANY (account_ids)) THEN 1 ELSE NULL::integer END IS NOT NULL)) ELSE ((account_id = ANY (account_ids)) AND (CASE WHEN (account_id <@ ANY (amocrm.account_ranges(account_ids))) THEN 1 ELSE NULL::integer END IS NOT NULL)) END;

COMMENT ON FUNCTION amocrm.is_readable(account_id bigint, account_ids bigint[]) IS 'Whether an account is among those that a role may read; null for all. Part of the policies of row-level security.';

CREATE FUNCTION amocrm.known_timezone(names text[]) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    candidate text;
begin
    foreach candidate in array names loop
        begin
            perform pg_catalog.timezone(candidate, pg_catalog.now());
            return candidate;
        exception when others then null;
        end;
    end loop;
    return null;
end
$$;

COMMENT ON FUNCTION amocrm.known_timezone(names text[]) IS 'The first of these timezones that the server knows. Null if it knows none.';

CREATE FUNCTION amocrm.local_date(instant timestamp with time zone, names text[]) RETURNS date
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    candidate text;
begin
    foreach candidate in array pg_catalog.array_remove(names, null) loop
        begin
            return pg_catalog.timezone(candidate, instant)::pg_catalog.date;
        exception when others then null;
        end;
    end loop;
    return pg_catalog.timezone('UTC', instant)::pg_catalog.date;
end
$$;

COMMENT ON FUNCTION amocrm.local_date(instant timestamp with time zone, names text[]) IS 'The day of an instant in the first of these timezones that the server knows; in UTC if it knows none.';

CREATE FUNCTION amocrm.readable_account_ids() RETURNS bigint[]
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
        begin
            if pg_catalog.pg_has_role(pg_catalog.to_regrole('')::pg_catalog.oid, 'usage') then
                return null;
            end if;
            -- Without rights from the reader of all accounts, a role reads all if it owns the tables, loads, or was granted views by
            -- itself and is in no reader of single accounts, not even without inheriting. If that role is gone or
            -- renamed, nobody can tell, and nothing is read.
            if not coalesce(pg_catalog.pg_has_role(pg_catalog.to_regrole('')::pg_catalog.oid, 'usage'), false) and (
                pg_catalog.pg_has_role(pg_catalog.to_regrole('')::pg_catalog.oid, 'usage')
                or exists (
                    select
                    from pg_catalog.pg_namespace as namespace
                    where namespace.nspname operator(pg_catalog.=) 'amocrm' and pg_catalog.pg_has_role(namespace.nspowner, 'usage')
                )
                or not (
                    pg_catalog.pg_has_role(pg_catalog.to_regrole('')::pg_catalog.oid, 'member')
                    or exists (
                        select
                        from pg_catalog.unnest('{}'::pg_catalog.text[]) as role (name)
                        where pg_catalog.pg_has_role(pg_catalog.to_regrole(role.name)::pg_catalog.oid, 'member')
                    )
                )
            ) then
                return null;
            end if;
            return array(
                select role.account_id
                from rows from (
                    pg_catalog.unnest('{}'::pg_catalog.text[]), pg_catalog.unnest('{}'::pg_catalog.int8[])
                ) as role (name, account_id)
                where pg_catalog.pg_has_role(pg_catalog.to_regrole(role.name)::pg_catalog.oid, 'usage')
            );
        end
        $$;

COMMENT ON FUNCTION amocrm.readable_account_ids() IS 'Accounts that the current role may read; null for all. Part of the policies of row-level security.';

CREATE FUNCTION amocrm.refuse_rewriting() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    raise exception 'a row of % that has ended is not changed any more', tg_table_name
        using errcode = 'integrity_constraint_violation';
end
$$;

COMMENT ON FUNCTION amocrm.refuse_rewriting() IS 'Refuses a change of a row that has ended.';

CREATE PROCEDURE amocrm.write_readable_account_ids()
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
declare
    roles record;
begin
    select
        coalesce(max(quote_ident(role.name)) filter (where role.purpose = 'reader'), '') as reader,
        coalesce(max(quote_ident(role.name)) filter (where role.purpose = 'account_reader'), '') as account_reader,
        coalesce(max(quote_ident(role.name)) filter (where role.purpose = 'loader'), '') as loader,
        coalesce(array_agg(quote_ident(role.name) order by role.name) filter (where role.account_id is not null), '{}') as names,
        coalesce(array_agg(role.account_id order by role.name) filter (where role.account_id is not null), '{}') as account_ids
    into roles
    from amocrm.role_name as role;
    execute format(
        $create$
        create or replace function amocrm.readable_account_ids() returns bigint[]
        language plpgsql immutable parallel safe
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            if pg_catalog.pg_has_role(pg_catalog.to_regrole(%1$L)::pg_catalog.oid, 'usage') then
                return null;
            end if;
            -- Without rights from the reader of all accounts, a role reads all if it owns the tables, loads, or was granted views by
            -- itself and is in no reader of single accounts, not even without inheriting. If that role is gone or
            -- renamed, nobody can tell, and nothing is read.
            if not coalesce(pg_catalog.pg_has_role(pg_catalog.to_regrole(%2$L)::pg_catalog.oid, 'usage'), false) and (
                pg_catalog.pg_has_role(pg_catalog.to_regrole(%5$L)::pg_catalog.oid, 'usage')
                or exists (
                    select
                    from pg_catalog.pg_namespace as namespace
                    where namespace.nspname operator(pg_catalog.=) 'amocrm' and pg_catalog.pg_has_role(namespace.nspowner, 'usage')
                )
                or not (
                    pg_catalog.pg_has_role(pg_catalog.to_regrole(%2$L)::pg_catalog.oid, 'member')
                    or exists (
                        select
                        from pg_catalog.unnest(%3$L::pg_catalog.text[]) as role (name)
                        where pg_catalog.pg_has_role(pg_catalog.to_regrole(role.name)::pg_catalog.oid, 'member')
                    )
                )
            ) then
                return null;
            end if;
            return array(
                select role.account_id
                from rows from (
                    pg_catalog.unnest(%3$L::pg_catalog.text[]), pg_catalog.unnest(%4$L::pg_catalog.int8[])
                ) as role (name, account_id)
                where pg_catalog.pg_has_role(pg_catalog.to_regrole(role.name)::pg_catalog.oid, 'usage')
            );
        end
        $function$
        $create$,
        roles.reader, roles.account_reader, roles.names, roles.account_ids, roles.loader
    );
end
$_$;

COMMENT ON PROCEDURE amocrm.write_readable_account_ids() IS 'Writes amocrm.readable_account_ids() from amocrm.role_name.';

CREATE FUNCTION analytics.as_of(account_id bigint, instant timestamp with time zone) RETURNS TABLE(segment_id bigint, observed_at timestamp with time zone, name text, color text, customers_count bigint, created_at timestamp with time zone, price_field_ids bigint[], field_values jsonb, extra jsonb, state_since_at timestamp with time zone, bonus_points_conversion_rate numeric, bonus_points_max_discount numeric)
    LANGUAGE sql STABLE
    AS $$
    select
        segment.segment_id,
        segment.observed_at,
        segment.name,
        segment.color,
        segment.customers_count,
        segment.created_at,
        segment.price_field_ids,
        segment.field_values,
        segment.extra,
        segment.state_since_at,
        segment.bonus_points_conversion_rate,
        segment.bonus_points_max_discount
    from analytics.segment_snapshots as segment
    where segment.account_id operator(pg_catalog.=) as_of.account_id
        and segment.observed_at operator(pg_catalog.=) (
            select snapshot.observed_at
            from analytics.snapshots as snapshot
            where snapshot.account_id operator(pg_catalog.=) as_of.account_id and snapshot.observed_at operator(pg_catalog.<=) as_of.instant
            order by snapshot.observed_at desc
            limit 1
        )
$$;

COMMENT ON FUNCTION analytics.as_of(account_id bigint, instant timestamp with time zone) IS 'One row per segment of an account in the latest snapshot at or before an instant, which is observed_at. No rows before the first snapshot.';

CREATE FUNCTION analytics.conditions_text(conditions jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select string_agg(described.rules, ' | ' order by described.position)
    from (
        select
            rule_group.position,
            (
                select string_agg(analytics.rule_text(rule.value), '; ' order by rule.position)
                from jsonb_array_elements(
                    case
                        when jsonb_typeof(rule_group.value) = 'array' then rule_group.value
                        else jsonb_build_array(rule_group.value)
                    end
                ) with ordinality as rule (value, position)
            ) as rules
        from jsonb_array_elements(
            case
                when jsonb_typeof(conditions_text.conditions) = 'array' then conditions_text.conditions
                else jsonb_build_array(conditions_text.conditions)
            end
        ) with ordinality as rule_group (value, position)
        where conditions_text.conditions <> 'null'
    ) as described
$$;

COMMENT ON FUNCTION analytics.conditions_text(conditions jsonb) IS 'Describe the rules of a stage in words: rules of a group with semicolons, groups with bars. How groups combine is undocumented. Null if there are none.';

CREATE FUNCTION analytics.flows_between(account_id bigint, place text, place_id bigint, after_at timestamp with time zone, after_count bigint, until_at timestamp with time zone, until_count bigint) RETURNS TABLE(other_id bigint, joined_count bigint, left_count bigint, after_scan_date date, until_scan_date date)
    LANGUAGE sql STABLE
    AS $$
    with day as not materialized (
        select scan.scan_date, scan.started_at, coalesce(size.customers_count, 0) as customers_count
        from analytics.scans as scan
        left join analytics.place_money_daily as size
            on size.account_id operator(pg_catalog.=) flows_between.account_id
            and size.place operator(pg_catalog.=) flows_between.place
            and size.place_id operator(pg_catalog.=) flows_between.place_id
            and size.observed_date operator(pg_catalog.=) scan.scan_date
        where scan.account_id operator(pg_catalog.=) flows_between.account_id
            and not exists (
                select
                from analytics.scans as later
                where later.account_id operator(pg_catalog.=) flows_between.account_id
                    and later.scan_date operator(pg_catalog.=) scan.scan_date
                    and later.started_at operator(pg_catalog.>) scan.started_at
                    and later.started_at operator(pg_catalog.<) (scan.started_at operator(pg_catalog.+) interval '2 days')
            )
    )

    select
        flow.other_id,
        pg_catalog.sum(flow.joined_count)::bigint,
        pg_catalog.sum(flow.left_count)::bigint,
        span.after_date,
        span.until_date
    from (
        select after_scan.scan_date as after_date, until_scan.scan_date as until_date
        from (
            select candidate.scan_date
            from (
                (select * from day where day.started_at operator(pg_catalog.<=) flows_between.after_at order by day.started_at desc limit 1)
                union all
                (
                    select *
                    from day
                    where day.started_at operator(pg_catalog.>) flows_between.after_at
                        and day.started_at operator(pg_catalog.<) flows_between.until_at
                    order by day.started_at
                    limit 1
                )
            ) as candidate
            -- Sizes of stages are those of a scan, which is then taken.
            order by
                candidate.started_at operator(pg_catalog.<>) flows_between.after_at,
                pg_catalog.abs(candidate.customers_count operator(pg_catalog.-) flows_between.after_count),
                candidate.started_at desc
            limit 1
        ) as after_scan
        cross join lateral (
            select candidate.scan_date
            from (
                (select * from day where day.started_at operator(pg_catalog.<=) flows_between.until_at order by day.started_at desc limit 1)
                union all
                (select * from day where day.started_at operator(pg_catalog.>) flows_between.until_at order by day.started_at limit 1)
            ) as candidate
            where candidate.scan_date operator(pg_catalog.>) after_scan.scan_date
            order by pg_catalog.abs(candidate.customers_count operator(pg_catalog.-) flows_between.until_count), candidate.started_at
            limit 1
        ) as until_scan
    ) as span
    cross join lateral (
        -- A span between scans always has a row, even if nobody moved.
        select null::bigint as other_id, 0 as joined_count, 0 as left_count
        union all
        select
            case when came.is_to then moved.from_id else moved.to_id end,
            case when came.is_to then moved.customers_count else 0 end,
            case when came.is_to then 0 else moved.customers_count end
        from analytics.place_flows_daily as moved
        cross join lateral (select moved.to_id operator(pg_catalog.=) flows_between.place_id) as came (is_to)
        where moved.account_id operator(pg_catalog.=) flows_between.account_id
            and moved.place operator(pg_catalog.=) flows_between.place
            and moved.flow_date operator(pg_catalog.>) span.after_date
            and moved.flow_date operator(pg_catalog.<=) span.until_date
            and (
                moved.to_id operator(pg_catalog.=) flows_between.place_id
                or moved.from_id operator(pg_catalog.=) flows_between.place_id
            )
    ) as flow
    group by flow.other_id, span.after_date, span.until_date
$$;

COMMENT ON FUNCTION analytics.flows_between(account_id bigint, place text, place_id bigint, after_at timestamp with time zone, after_count bigint, until_at timestamp with time zone, until_count bigint) IS 'Customers that joined and left a stage or segment (place and place_id) while its size changed from after_count at after_at to until_count at until_at: one row per other place, and one with other_id null for customers that were new or gone or that left or joined several segments at once. Flows are those of the scans after after_scan_date up to until_scan_date, the scans around the two instants that found sizes closest to the counted ones. No rows if no two scans are around the change.';

CREATE FUNCTION analytics.rule_text(rule jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    with described as (
        select
            case when jsonb_typeof(rule_text.rule) = 'object' then replace(rule_text.rule ->> 'type', '_', ' ') end as kind,
            case
                when jsonb_typeof(rule_text.rule) <> 'object' then rule_text.rule
                when jsonb_typeof(rule_text.rule -> 'match') = 'object' then rule_text.rule -> 'match' -> 'value'
                else rule_text.rule -> 'match'
            end as value,
            case coalesce(rule_text.rule -> 'match' ->> 'logic', rule_text.rule ->> 'logic_operator')
                when 'and' then ' and '
                when 'or' then ' or '
                else ', '
            end as joiner
    ),

    named as (
        select string_agg(item.value ->> 'name', described.joiner order by item.position) as names
        from described
        cross join jsonb_array_elements(
            case when jsonb_typeof(rule_text.rule -> 'conditions') = 'array' then rule_text.rule -> 'conditions' end
        ) with ordinality as item (value, position)
        where item.value ->> 'name' <> ''
    ),

    listed as (
        select
            string_agg(
                case when jsonb_typeof(item.value) in ('object', 'array') then '…' else item.value #>> '{}' end,
                described.joiner order by item.position
            ) as names
        from described
        cross join jsonb_array_elements(
            case when jsonb_typeof(described.value) = 'array' then described.value else jsonb_build_array(described.value) end
        ) with ordinality as item (value, position)
    )

    select
        concat_ws(
            ': ',
            coalesce(described.kind, 'rule'),
            coalesce(named.names, listed.names) || case
                when described.kind not in ('before purchase', 'after purchase', 'after today')
                    or jsonb_typeof(described.value) <> 'number' then ''
                when abs((described.value #>> '{}')::numeric) = 1 then ' day'
                else ' days'
            end
        )
    from described
    cross join named
    cross join listed
$$;

COMMENT ON FUNCTION analytics.rule_text(rule jsonb) IS 'Describe a rule of a stage in words: its kind and the value it compares with, tags by name, as in "after purchase: 14 days" or "tag: Regular or Club". amoCRM''s documentation names no unit; its UI counts days.';

CREATE FUNCTION analytics.segments_by_field(account_id bigint) RETURNS TABLE(segment_id bigint, name text, customers_count bigint, color text, created_at timestamp with time zone, state_since_at timestamp with time zone, observed_at timestamp with time zone, texts jsonb, numbers jsonb, booleans jsonb, dates jsonb, instants jsonb)
    LANGUAGE sql STABLE
    AS $$
    select
        segment.segment_id,
        segment.name,
        segment.customers_count,
        segment.color,
        segment.created_at,
        segment.state_since_at,
        segment.observed_at,
        by_field.texts,
        by_field.numbers,
        by_field.booleans,
        by_field.dates,
        by_field.instants
    from analytics.segments as segment
    cross join lateral (
        select
            pg_catalog.jsonb_object_agg(field.field_id, field.text) as texts,
            pg_catalog.jsonb_object_agg(field.field_id, field.number) as numbers,
            pg_catalog.jsonb_object_agg(field.field_id, field.boolean) as booleans,
            pg_catalog.jsonb_object_agg(field.field_id, field.date) as dates,
            pg_catalog.jsonb_object_agg(field.field_id, field.instant) as instants
        from (
            select
                value.field_id,
                pg_catalog.string_agg(value.value operator(pg_catalog.#>>) '{}', ', ' order by value.position) as text,
                pg_catalog.min(value.number_value) filter (where value.position operator(pg_catalog.=) 0) as number,
                pg_catalog.bool_or(value.boolean_value) filter (where value.position operator(pg_catalog.=) 0) as boolean,
                pg_catalog.min(value.date_value) filter (where value.position operator(pg_catalog.=) 0) as date,
                pg_catalog.min(value.timestamp_value) filter (where value.position operator(pg_catalog.=) 0) as instant
            from analytics.segment_field_values as value
            where value.account_id operator(pg_catalog.=) segments_by_field.account_id
                and value.segment_id operator(pg_catalog.=) segment.segment_id
                and value.valid_from operator(pg_catalog.=) segment.state_since_at
            group by value.field_id
        ) as field
    ) as by_field
    where segment.account_id operator(pg_catalog.=) segments_by_field.account_id
$$;

COMMENT ON FUNCTION analytics.segments_by_field(account_id bigint) IS 'One row per current segment of an account, with the values of its custom fields by field id: all of them as text, and numbers, checkboxes, dates and timestamps with their types. The wide view segments_<account id> selects from it.';

CREATE FUNCTION analytics.stage_type_text(type text) RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select case stage_type_text.type
        when '0' then 'regular'
        when '1' then 'expected purchase'
        when '2' then 'did not purchase'
        when '3' then 'closed (or expected purchase)'
        when '4' then 'recently purchased'
        else 'type ' || stage_type_text.type
    end
$$;

COMMENT ON FUNCTION analytics.stage_type_text(type text) IS 'Name of a stage''s type in amoCRM''s documentation. Its text gives 1 to "expected purchase" and 3 to "closed", its example 3 to both, so the name of 3 has both. Null for null.';

CREATE FUNCTION analytics.stages_as_of(account_id bigint, instant timestamp with time zone) RETURNS TABLE(stage_id bigint, observed_at timestamp with time zone, name text, sort bigint, is_default boolean, color text, type bigint, conditions jsonb, extra jsonb, state_since_at timestamp with time zone, type_text text, conditions_text text)
    LANGUAGE sql STABLE
    AS $$
    select
        stage.stage_id,
        snapshot.observed_at,
        stage.name,
        stage.sort,
        stage.is_default,
        stage.color,
        stage.type,
        stage.conditions,
        stage.extra,
        stage.valid_from as state_since_at,
        stage.type_text,
        stage.conditions_text
    from (
        select one.observed_at
        from analytics.snapshots as one
        where one.account_id operator(pg_catalog.=) stages_as_of.account_id and one.observed_at operator(pg_catalog.<=) stages_as_of.instant
        order by one.observed_at desc
        limit 1
    ) as snapshot
    join analytics.stage_history as stage
        on stage.account_id operator(pg_catalog.=) stages_as_of.account_id
        and stage.valid_from operator(pg_catalog.<=) snapshot.observed_at
        and (stage.valid_to is null or stage.valid_to operator(pg_catalog.>) snapshot.observed_at)
$$;

COMMENT ON FUNCTION analytics.stages_as_of(account_id bigint, instant timestamp with time zone) IS 'One row per stage of an account in the latest snapshot at or before an instant, which is observed_at. No rows before the first snapshot.';

CREATE FUNCTION analytics.value_text(account_id bigint, field_id bigint, value jsonb, instant timestamp with time zone) RETURNS text
    LANGUAGE sql STABLE
    SET plan_cache_mode TO 'force_generic_plan'
    AS $_$
    select pg_catalog.string_agg(coalesce(label.label, item.value operator(pg_catalog.#>>) '{}'), ', ' order by item.position)
    from pg_catalog.jsonb_array_elements(
        case when pg_catalog.jsonb_typeof(value_text.value) operator(pg_catalog.=) 'array' then value_text.value else pg_catalog.jsonb_build_array(value_text.value) end
    ) with ordinality as item (value, position)
    left join lateral (
        select option.label
        from analytics.option_history as option
        where option.account_id operator(pg_catalog.=) value_text.account_id
            and option.field_id operator(pg_catalog.=) value_text.field_id
            and option.option_id operator(pg_catalog.=) case
                when item.value::pg_catalog.text operator(pg_catalog.~) '^[0-9]{1,18}$' then item.value::pg_catalog.text::pg_catalog.int8
            end
            and option.valid_from operator(pg_catalog.<=) value_text.instant
        order by option.valid_from desc
        limit 1
    ) as label on true
$_$;

COMMENT ON FUNCTION analytics.value_text(account_id bigint, field_id bigint, value jsonb, instant timestamp with time zone) IS 'Format a JSON value as text: lists with commas, options of a field by their labels at an instant. Null for null.';

CREATE FUNCTION members.customer_path(account_id bigint, customer_id bigint) RETURNS TABLE(place text, place_id bigint, entered_after timestamp with time zone, entered_by timestamp with time zone, left_after timestamp with time zone, left_by timestamp with time zone, end_reason text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select
        case when stay.is_stage then 'stage' else 'segment' end,
        stay.place_id, stay.entered_after, stay.entered_by, stay.left_after, stay.left_by, stay.end_reason
    from members.stay as stay
    where stay.account_id = customer_path.account_id and stay.customer_id = customer_path.customer_id
    order by stay.entered_by, stay.is_stage desc, stay.place_id
$$;

COMMENT ON FUNCTION members.customer_path(account_id bigint, customer_id bigint) IS 'One row per stay of one customer, in order.';

CREATE TABLE members.page (
    account_id bigint NOT NULL,
    started_at timestamp with time zone NOT NULL,
    kind text NOT NULL,
    number integer NOT NULL,
    sent_at timestamp with time zone NOT NULL,
    received_at timestamp with time zone NOT NULL,
    rows jsonb NOT NULL,
    CONSTRAINT page_kind_check CHECK ((kind = ANY (ARRAY['list'::text, 'by_id'::text, 'kept'::text, 'denied'::text, 'sizes'::text, 'moves'::text])))
);
ALTER TABLE ONLY members.page ALTER COLUMN rows SET STATISTICS 0;

COMMENT ON TABLE members.page IS 'One row per response of the latest published scan and of one that has not ended, reduced to ids and numbers. The next scan compares with it; a scan that was killed goes on from it.';

COMMENT ON COLUMN members.page.account_id IS 'The account.';

COMMENT ON COLUMN members.page.started_at IS 'Start of the scan.';

COMMENT ON COLUMN members.page.kind IS 'list: a page of customers; by_id: customers requested by id; kept: customers that could not be read, as an earlier scan read them; denied: ids of those of them that are requested rarely, since the token''s user may not see them, or since too many are not listed; sizes: sizes of segments before (1) and after (2) the list; moves: a page of events.';

COMMENT ON COLUMN members.page.number IS 'Position among the rows of its kind, from 1.';

COMMENT ON COLUMN members.page.sent_at IS 'When the request was sent. The response shows a state between this instant and received_at.';

COMMENT ON COLUMN members.page.received_at IS 'When the response had arrived.';

COMMENT ON COLUMN members.page.rows IS 'Array of arrays. A customer: id, is it gone, stage, segments, ltv, purchases count, average check, next date in Unix seconds, periodicity. An event: customer, Unix seconds, stage before, stage after, user. A size: segment, customers.';

CREATE TABLE members.stay (
    account_id bigint NOT NULL,
    customer_id bigint NOT NULL,
    place_id bigint NOT NULL,
    entered_after timestamp with time zone,
    entered_by timestamp with time zone NOT NULL,
    left_after timestamp with time zone,
    left_by timestamp with time zone,
    is_stage boolean NOT NULL,
    end_reason text,
    CONSTRAINT stay_check CHECK ((entered_after < entered_by)),
    CONSTRAINT stay_check1 CHECK ((left_after < left_by)),
    CONSTRAINT stay_check2 CHECK ((((left_by IS NULL) = (end_reason IS NULL)) AND ((left_by IS NULL) = (left_after IS NULL)))),
    CONSTRAINT stay_end_reason_check CHECK ((end_reason = ANY (ARRAY['left'::text, 'gone_or_hidden'::text, 'deleted'::text, 'forgotten'::text])))
);
ALTER TABLE ONLY members.stay ALTER COLUMN customer_id SET STATISTICS 0;

COMMENT ON TABLE members.stay IS 'One row per uninterrupted stay of a customer in a stage or segment, as far as scans can tell.';

COMMENT ON COLUMN members.stay.account_id IS 'The account.';

COMMENT ON COLUMN members.stay.customer_id IS 'amoCRM''s id of the customer, or a random one from 2^62 on if the customer was forgotten.';

COMMENT ON COLUMN members.stay.place_id IS 'The stage or segment.';

COMMENT ON COLUMN members.stay.entered_after IS 'The customer entered after this instant: the request of its last read that did not show it there. Null if there was none, as for all customers of the first scan.';

COMMENT ON COLUMN members.stay.entered_by IS 'The customer had entered by this instant: the response of its first read that showed it there.';

COMMENT ON COLUMN members.stay.left_after IS 'The customer left after this instant: the request of its last read that showed it there. Null while the stay lasts.';

COMMENT ON COLUMN members.stay.left_by IS 'The customer had left by this instant: the response of its first read that did not. Null while the stay lasts.';

COMMENT ON COLUMN members.stay.is_stage IS 'True for a stage, false for a segment.';

COMMENT ON COLUMN members.stay.end_reason IS 'left: the customer is somewhere else; deleted: amoCRM says that the customer is deleted; gone_or_hidden: amoCRM no longer knows its id, or no longer shows it to the token''s user; forgotten: ''./run forget''. Null while the stay lasts.';

CREATE FUNCTION members.members_as_of(account_id bigint, instant timestamp with time zone) RETURNS TABLE(customer_id bigint, place text, place_id bigint, is_certain boolean)
    LANGUAGE sql STABLE
    BEGIN ATOMIC
 SELECT stay.customer_id,
         CASE
             WHEN stay.is_stage THEN 'stage'::text
             ELSE 'segment'::text
         END AS "case",
     stay.place_id,
     ((stay.entered_by <= ( SELECT members_as_of.instant AS instant)) AND (COALESCE(stay.left_after, kept.sent_at, ( SELECT min(page.started_at) AS min
            FROM members.page
           WHERE (page.account_id = members_as_of.account_id))) >= ( SELECT members_as_of.instant AS instant)))
    FROM (members.stay stay
      LEFT JOIN ( SELECT ((customer.value ->> 0))::bigint AS customer_id,
             min(page.sent_at) AS sent_at
            FROM (members.page
              CROSS JOIN LATERAL jsonb_array_elements(page.rows) customer(value))
           WHERE ((page.account_id = members_as_of.account_id) AND (page.kind = 'kept'::text))
           GROUP BY ((customer.value ->> 0))::bigint) kept ON ((kept.customer_id = stay.customer_id)))
   WHERE ((stay.account_id = members_as_of.account_id) AND (COALESCE(stay.entered_after, stay.entered_by) <= ( SELECT members_as_of.instant AS instant)) AND ((stay.left_by > ( SELECT members_as_of.instant AS instant)) OR (stay.left_by IS NULL)));
END;

COMMENT ON FUNCTION members.members_as_of(account_id bigint, instant timestamp with time zone) IS 'One row per customer and stage or segment in which it was, or may have been (is_certain is false), at an instant.';

CREATE TABLE amocrm.account (
    account_id bigint NOT NULL,
    account_key text NOT NULL,
    host text NOT NULL,
    name text,
    subdomain text,
    timezone text NOT NULL,
    customers_mode text NOT NULL,
    country text,
    currency text,
    database_timezone text,
    CONSTRAINT account_account_id_check CHECK ((account_id > 0)),
    CONSTRAINT account_customers_mode_check CHECK ((customers_mode = ANY (ARRAY['unavailable'::text, 'disabled'::text, 'segments'::text, 'periodicity'::text])))
);

COMMENT ON TABLE amocrm.account IS 'One row per amoCRM account, as its latest snapshot showed it.';

COMMENT ON COLUMN amocrm.account.account_id IS 'amoCRM''s id of the account.';

COMMENT ON COLUMN amocrm.account.account_key IS 'The account''s key in the settings. A key that is bound to one account is refused for another.';

COMMENT ON COLUMN amocrm.account.host IS 'Host the account was last loaded from.';

COMMENT ON COLUMN amocrm.account.name IS 'Name of the account. Null where the API gave none.';

COMMENT ON COLUMN amocrm.account.subdomain IS 'Subdomain of the account. Null where the API gave none.';

COMMENT ON COLUMN amocrm.account.timezone IS 'IANA name of the account''s timezone; its days and date fields follow it.';

COMMENT ON COLUMN amocrm.account.customers_mode IS 'Customers mode: segments (dynamic segmentation), periodicity (recurring purchases: stages), disabled, or unavailable (not in the plan).';

COMMENT ON COLUMN amocrm.account.country IS 'Two-letter country code. Null where the API gave none.';

COMMENT ON COLUMN amocrm.account.currency IS 'Currency code. Null where the API gave none.';

COMMENT ON COLUMN amocrm.account.database_timezone IS 'Another name of the account''s timezone, by which this server knows it. Null if the server knows the name in timezone, or no name of the zone.';

CREATE TABLE amocrm.change_notice (
    account_id bigint NOT NULL,
    observed_at timestamp with time zone NOT NULL,
    noticed_at timestamp with time zone DEFAULT now() NOT NULL
)
WITH (fillfactor='50');

COMMENT ON TABLE amocrm.change_notice IS 'One row per account whose changes are alerted on: the snapshot up to which that is done. Without a row, the next load alerts only on its own changes.';

COMMENT ON COLUMN amocrm.change_notice.account_id IS 'The account.';

COMMENT ON COLUMN amocrm.change_notice.observed_at IS 'The last snapshot whose changes were sent, or were none to send.';

COMMENT ON COLUMN amocrm.change_notice.noticed_at IS 'When that was recorded, by the database''s clock.';

CREATE TABLE amocrm.failure_notice (
    account_key text NOT NULL,
    error text NOT NULL,
    failing_since timestamp with time zone NOT NULL,
    failed_at timestamp with time zone NOT NULL,
    notified_at timestamp with time zone NOT NULL,
    is_scan boolean NOT NULL,
    CONSTRAINT failure_notice_check CHECK ((failing_since <= failed_at))
)
WITH (fillfactor='50');

COMMENT ON TABLE amocrm.failure_notice IS 'One row per account whose loads fail, or whose scans fail, that a receiver of alerts was notified of: the last notification. Deleted when the recovery was reported. If it is emptied, each failing account is reported once more.';

COMMENT ON COLUMN amocrm.failure_notice.account_key IS 'The account''s key in the settings.';

COMMENT ON COLUMN amocrm.failure_notice.error IS 'Kind of the error in the notification, as docs/operations.md lists them.';

COMMENT ON COLUMN amocrm.failure_notice.failing_since IS 'Start of the first failed load after the last success; for scans, when the first failure was reported.';

COMMENT ON COLUMN amocrm.failure_notice.failed_at IS 'Start of the failed load that the notification is about; for scans, when it failed.';

COMMENT ON COLUMN amocrm.failure_notice.notified_at IS 'When a receiver had accepted the notification, by the database''s clock.';

COMMENT ON COLUMN amocrm.failure_notice.is_scan IS 'True for scans of the account''s customers, false for its loads.';

CREATE TABLE amocrm.field_version (
    account_id bigint NOT NULL,
    field_id bigint NOT NULL,
    valid_from timestamp with time zone NOT NULL,
    valid_to timestamp with time zone,
    end_reason text,
    name text,
    code text,
    type text,
    sort bigint,
    extra jsonb,
    content_hash bytea NOT NULL,
    CONSTRAINT field_version_check CHECK ((valid_to > valid_from)),
    CONSTRAINT field_version_check1 CHECK (((valid_to IS NULL) = (end_reason IS NULL))),
    CONSTRAINT field_version_content_hash_check CHECK ((octet_length(content_hash) = 32)),
    CONSTRAINT field_version_end_reason_check CHECK ((end_reason = ANY (ARRAY['changed'::text, 'deleted'::text, 'mode_off'::text]))),
    CONSTRAINT field_version_field_id_check CHECK ((field_id > 0))
);

COMMENT ON TABLE amocrm.field_version IS 'One row per state of a segment field''s definition, from the snapshot that first showed it to the first that did not.';

COMMENT ON COLUMN amocrm.field_version.account_id IS 'The account.';

COMMENT ON COLUMN amocrm.field_version.field_id IS 'amoCRM''s id of the field: its identity, while name and code can change.';

COMMENT ON COLUMN amocrm.field_version.valid_from IS 'observed_at of the first snapshot that showed this state.';

COMMENT ON COLUMN amocrm.field_version.valid_to IS 'observed_at of the first snapshot that did not. Null while it is the current state.';

COMMENT ON COLUMN amocrm.field_version.end_reason IS 'Why it ended: changed (another version follows), deleted (the API confirmed it by id), mode_off (the customers mode was switched). Null while open.';

COMMENT ON COLUMN amocrm.field_version.name IS 'Name; two fields may share one. Null where the API gave none.';

COMMENT ON COLUMN amocrm.field_version.code IS 'Code given by an integration or a user. Null when there is none.';

COMMENT ON COLUMN amocrm.field_version.type IS 'Type, for example text, numeric, select; as received.';

COMMENT ON COLUMN amocrm.field_version.sort IS 'Position among the fields. Null where the API gave no usable number.';

COMMENT ON COLUMN amocrm.field_version.extra IS 'All other properties of the definition, as received. Null when there are none.';

COMMENT ON COLUMN amocrm.field_version.content_hash IS 'SHA-256 of the definition without its options: another hash is another version.';

CREATE TABLE amocrm.load_failure (
    account_key text NOT NULL,
    started_at timestamp with time zone NOT NULL,
    account_id bigint,
    failed_at timestamp with time zone NOT NULL,
    error text NOT NULL,
    message text NOT NULL,
    run_id text
);

COMMENT ON TABLE amocrm.load_failure IS 'One row per load that failed: why a snapshot is missing.';

COMMENT ON COLUMN amocrm.load_failure.account_key IS 'The account''s key in the settings.';

COMMENT ON COLUMN amocrm.load_failure.started_at IS 'When the load began.';

COMMENT ON COLUMN amocrm.load_failure.account_id IS 'The account. Null when the failure came before it was known.';

COMMENT ON COLUMN amocrm.load_failure.failed_at IS 'When it gave up.';

COMMENT ON COLUMN amocrm.load_failure.error IS 'Kind of the error, as docs/operations.md lists them.';

COMMENT ON COLUMN amocrm.load_failure.message IS 'What happened and what to do next. Holds no secret.';

COMMENT ON COLUMN amocrm.load_failure.run_id IS 'Dagster''s id of the run. Null for a load without Dagster.';

CREATE TABLE amocrm.member_difference (
    account_id bigint NOT NULL,
    started_at timestamp with time zone NOT NULL,
    segment_id bigint NOT NULL,
    count_before bigint,
    count_after bigint,
    member_count bigint NOT NULL,
    kept_count bigint NOT NULL,
    reason text NOT NULL
);

COMMENT ON TABLE amocrm.member_difference IS 'One row per scan and segment whose members are not as many as amoCRM counts.';

COMMENT ON COLUMN amocrm.member_difference.account_id IS 'The account.';

COMMENT ON COLUMN amocrm.member_difference.started_at IS 'Start of the scan.';

COMMENT ON COLUMN amocrm.member_difference.segment_id IS 'The segment.';

COMMENT ON COLUMN amocrm.member_difference.count_before IS 'customers_count before the scan. Null if the segment was not listed.';

COMMENT ON COLUMN amocrm.member_difference.count_after IS 'customers_count after the scan. Null if the segment was not listed.';

COMMENT ON COLUMN amocrm.member_difference.member_count IS 'Members after the scan.';

COMMENT ON COLUMN amocrm.member_difference.kept_count IS 'Members of them that could not be read.';

COMMENT ON COLUMN amocrm.member_difference.reason IS 'changed: amoCRM''s count changed during the scan; kept: members that could not be read are at least as many; not_listed: amoCRM does not list the segment; forgotten: not more are missing than were forgotten; hidden_or_missed: amoCRM counts customers that the token''s user may not see, or that the list did not show; stale: members left after they were read.';

CREATE TABLE amocrm.newest_answers (
    account_id bigint NOT NULL,
    observed_at timestamp with time zone NOT NULL,
    reading_code text NOT NULL,
    answers jsonb NOT NULL
)
WITH (fillfactor='50');

COMMENT ON TABLE amocrm.newest_answers IS 'One row per account whose latest load completed every step: digests of the responses that its snapshot shows. It may be deleted: then the next load parses everything.';

COMMENT ON COLUMN amocrm.newest_answers.account_id IS 'The account.';

COMMENT ON COLUMN amocrm.newest_answers.observed_at IS 'The snapshot. If it is not the latest one, the row is ignored.';

COMMENT ON COLUMN amocrm.newest_answers.reading_code IS 'SHA-256 of the code that parsed the responses: other code may parse them differently.';

COMMENT ON COLUMN amocrm.newest_answers.answers IS 'Digests of the responses in order: request, status, whether the Content-Type was JSON, and the SHA-256 of the body.';

CREATE TABLE amocrm.option_version (
    account_id bigint NOT NULL,
    field_id bigint NOT NULL,
    option_id bigint NOT NULL,
    valid_from timestamp with time zone NOT NULL,
    valid_to timestamp with time zone,
    end_reason text,
    value text,
    sort bigint,
    extra jsonb,
    content_hash bytea NOT NULL,
    CONSTRAINT option_version_check CHECK ((valid_to > valid_from)),
    CONSTRAINT option_version_check1 CHECK (((valid_to IS NULL) = (end_reason IS NULL))),
    CONSTRAINT option_version_content_hash_check CHECK ((octet_length(content_hash) = 32)),
    CONSTRAINT option_version_end_reason_check CHECK ((end_reason = ANY (ARRAY['changed'::text, 'deleted'::text, 'mode_off'::text]))),
    CONSTRAINT option_version_field_id_check CHECK ((field_id > 0)),
    CONSTRAINT option_version_option_id_check CHECK ((option_id > 0))
);

COMMENT ON TABLE amocrm.option_version IS 'One row per state of an option of a segment field, from the snapshot that first showed it to the first that did not.';

COMMENT ON COLUMN amocrm.option_version.account_id IS 'The account.';

COMMENT ON COLUMN amocrm.option_version.field_id IS 'The field that offers the option.';

COMMENT ON COLUMN amocrm.option_version.option_id IS 'amoCRM''s id of the option (enum): its identity, while the label can change.';

COMMENT ON COLUMN amocrm.option_version.valid_from IS 'observed_at of the first snapshot that showed this state.';

COMMENT ON COLUMN amocrm.option_version.valid_to IS 'observed_at of the first snapshot that did not. Null while it is the current state.';

COMMENT ON COLUMN amocrm.option_version.end_reason IS 'Why it ended: changed (another version follows), deleted (the field''s response by id no longer lists it), mode_off (the customers mode was switched). Null while open.';

COMMENT ON COLUMN amocrm.option_version.value IS 'Label. Null where the API gave none.';

COMMENT ON COLUMN amocrm.option_version.sort IS 'Position among the field''s options. Null where the API gave no usable number.';

COMMENT ON COLUMN amocrm.option_version.extra IS 'All other properties of the option, as received. Null when there are none.';

COMMENT ON COLUMN amocrm.option_version.content_hash IS 'SHA-256 of the option''s content: a different hash opens a new version.';

CREATE TABLE amocrm.place_day (
    account_id bigint NOT NULL,
    is_stage boolean NOT NULL,
    place_id bigint NOT NULL,
    observed_date date NOT NULL,
    last_count bigint NOT NULL,
    min_count bigint NOT NULL,
    max_count bigint NOT NULL,
    joined_count bigint NOT NULL,
    left_count bigint NOT NULL,
    ltv_sum numeric NOT NULL,
    purchases_sum numeric NOT NULL,
    average_check_sum numeric NOT NULL
);

COMMENT ON TABLE amocrm.place_day IS 'One row per stage or segment and day with a scan, in the account''s timezone.';

COMMENT ON COLUMN amocrm.place_day.account_id IS 'The account.';

COMMENT ON COLUMN amocrm.place_day.is_stage IS 'True for a stage, false for a segment.';

COMMENT ON COLUMN amocrm.place_day.place_id IS 'The stage or segment.';

COMMENT ON COLUMN amocrm.place_day.observed_date IS 'Day of the scan.';

COMMENT ON COLUMN amocrm.place_day.last_count IS 'Customers in the day''s last scan.';

COMMENT ON COLUMN amocrm.place_day.min_count IS 'Fewest customers in a scan of the day.';

COMMENT ON COLUMN amocrm.place_day.max_count IS 'Most customers in a scan of the day.';

COMMENT ON COLUMN amocrm.place_day.joined_count IS 'Customers that scans of the day found new there.';

COMMENT ON COLUMN amocrm.place_day.left_count IS 'Customers that scans of the day found gone from there.';

COMMENT ON COLUMN amocrm.place_day.ltv_sum IS 'Sum of the customers'' ltv in the day''s last scan, in the account''s currency.';

COMMENT ON COLUMN amocrm.place_day.purchases_sum IS 'Sum of their purchases.';

COMMENT ON COLUMN amocrm.place_day.average_check_sum IS 'Sum of their average checks, in the account''s currency.';

CREATE TABLE amocrm.place_flow_day (
    account_id bigint NOT NULL,
    is_stage boolean NOT NULL,
    flow_date date NOT NULL,
    from_place_ids bigint[] NOT NULL,
    to_place_ids bigint[] NOT NULL,
    customers_counts bigint[] NOT NULL
);

COMMENT ON TABLE amocrm.place_flow_day IS 'One row per day with moves that scans of the day found, of stages or of segments. The three arrays have an element per pair of places.';

COMMENT ON COLUMN amocrm.place_flow_day.account_id IS 'The account.';

COMMENT ON COLUMN amocrm.place_flow_day.is_stage IS 'True for stages, false for segments.';

COMMENT ON COLUMN amocrm.place_flow_day.flow_date IS 'Day of the scan that found the moves.';

COMMENT ON COLUMN amocrm.place_flow_day.from_place_ids IS 'Where the customers were; 0 for nowhere, or for several segments.';

COMMENT ON COLUMN amocrm.place_flow_day.to_place_ids IS 'Where they are; 0 for nowhere, or for several segments.';

COMMENT ON COLUMN amocrm.place_flow_day.customers_counts IS 'Numbers of customers. The sum to a place minus the sum from it is the change of its size.';

CREATE TABLE amocrm.quality_event (
    account_id bigint NOT NULL,
    kind text NOT NULL,
    thing text NOT NULL,
    thing_id bigint NOT NULL,
    detail text NOT NULL,
    valid_from timestamp with time zone NOT NULL,
    valid_to timestamp with time zone,
    CONSTRAINT quality_event_check CHECK ((valid_to > valid_from)),
    CONSTRAINT quality_event_detail_check CHECK ((length(detail) <= 300))
);

COMMENT ON TABLE amocrm.quality_event IS 'One row per interval of snapshots that show the same anomaly. None of them stopped a load.';

COMMENT ON COLUMN amocrm.quality_event.account_id IS 'The account.';

COMMENT ON COLUMN amocrm.quality_event.kind IS 'Kind of anomaly, see docs/operations.md: unknown_key, totals_mismatch, untyped_value and others.';

COMMENT ON COLUMN amocrm.quality_event.thing IS 'What it is about: account, list, stage, segment, field, option.';

COMMENT ON COLUMN amocrm.quality_event.thing_id IS 'Id of that thing; 0 for a list or the account as a whole.';

COMMENT ON COLUMN amocrm.quality_event.detail IS 'One plain sentence.';

COMMENT ON COLUMN amocrm.quality_event.valid_from IS 'observed_at of the first snapshot that showed it.';

COMMENT ON COLUMN amocrm.quality_event.valid_to IS 'observed_at of the first snapshot that did not. Null while it lasts.';

CREATE TABLE amocrm.raw_answer (
    account_id bigint NOT NULL,
    observed_at timestamp with time zone NOT NULL,
    load_id uuid NOT NULL,
    sequence integer NOT NULL,
    resource text NOT NULL,
    thing_id bigint,
    page integer,
    pass_number integer,
    is_accepted boolean NOT NULL,
    path text NOT NULL,
    status integer NOT NULL,
    content_type text,
    request_id text,
    received_at timestamp with time zone NOT NULL,
    body_hash bytea NOT NULL,
    CONSTRAINT raw_answer_resource_check CHECK ((resource = ANY (ARRAY['account'::text, 'stages'::text, 'segments'::text, 'fields'::text, 'stage'::text, 'segment'::text, 'field'::text]))),
    CONSTRAINT raw_answer_sequence_check CHECK ((sequence >= 0))
);

COMMENT ON TABLE amocrm.raw_answer IS 'One row per response received, also of failed loads. A snapshot is a pure function of its accepted responses.';

COMMENT ON COLUMN amocrm.raw_answer.account_id IS 'The account that was requested.';

COMMENT ON COLUMN amocrm.raw_answer.observed_at IS 'When the load began; the snapshot''s observed_at if it was published.';

COMMENT ON COLUMN amocrm.raw_answer.load_id IS 'The load that sent the request.';

COMMENT ON COLUMN amocrm.raw_answer.sequence IS 'Position of the response in its load, from 0.';

COMMENT ON COLUMN amocrm.raw_answer.resource IS 'Requested resource: account; a list (stages, segments, fields); or one entity by its id (stage, segment, field).';

COMMENT ON COLUMN amocrm.raw_answer.thing_id IS 'Requested id. Null for lists and the account.';

COMMENT ON COLUMN amocrm.raw_answer.page IS 'Requested page. Null if the resource has no pages.';

COMMENT ON COLUMN amocrm.raw_answer.pass_number IS 'Which reading of the list, from 1: a list of several pages is read until two passes agree. Null elsewhere.';

COMMENT ON COLUMN amocrm.raw_answer.is_accepted IS 'True if the snapshot is parsed from this response; false if the request was repeated.';

COMMENT ON COLUMN amocrm.raw_answer.path IS 'Path and query of the request.';

COMMENT ON COLUMN amocrm.raw_answer.status IS 'HTTP status.';

COMMENT ON COLUMN amocrm.raw_answer.content_type IS 'Content-Type as received. Null when there was none.';

COMMENT ON COLUMN amocrm.raw_answer.request_id IS 'amoCRM''s X-Request-Id, which its support needs. Null if there was none.';

COMMENT ON COLUMN amocrm.raw_answer.received_at IS 'When the response was complete.';

COMMENT ON COLUMN amocrm.raw_answer.body_hash IS 'The body, in amocrm.raw_body.';

CREATE TABLE amocrm.raw_body (
    account_id bigint NOT NULL,
    body_hash bytea NOT NULL,
    body bytea NOT NULL,
    byte_count integer NOT NULL,
    CONSTRAINT raw_body_body_hash_check CHECK ((octet_length(body_hash) = 32)),
    CONSTRAINT raw_body_byte_count_check CHECK ((byte_count >= 0))
);
ALTER TABLE ONLY amocrm.raw_body ALTER COLUMN body SET STORAGE EXTERNAL;

COMMENT ON TABLE amocrm.raw_body IS 'One row per account and content of a response''s body: the same body is stored once.';

COMMENT ON COLUMN amocrm.raw_body.account_id IS 'The account that was requested.';

COMMENT ON COLUMN amocrm.raw_body.body_hash IS 'SHA-256 of the body as received.';

COMMENT ON COLUMN amocrm.raw_body.body IS 'The body as received, compressed with zlib.';

COMMENT ON COLUMN amocrm.raw_body.byte_count IS 'Length of the body in bytes before compression.';

CREATE TABLE amocrm.role_name (
    name text NOT NULL,
    purpose text NOT NULL,
    account_id bigint,
    CONSTRAINT role_name_account_id_check CHECK ((account_id > 0)),
    CONSTRAINT role_name_check CHECK (((purpose = 'reader_of_account'::text) = (account_id IS NOT NULL))),
    CONSTRAINT role_name_purpose_check CHECK ((purpose = ANY (ARRAY['reader'::text, 'loader'::text, 'views'::text, 'account_reader'::text, 'reader_of_account'::text, 'members'::text])))
);

COMMENT ON TABLE amocrm.role_name IS 'One row per role of the server that belongs to this database: only these are granted rights here, and only these select accounts.';

COMMENT ON COLUMN amocrm.role_name.name IS 'Name of the role. Postgres may have lost it since.';

COMMENT ON COLUMN amocrm.role_name.purpose IS 'reader: reads all accounts; loader: loads; views: owns the views; account_reader: holds the rights of all readers of single accounts; reader_of_account: reads one account; members: reads the schema members.';

COMMENT ON COLUMN amocrm.role_name.account_id IS 'The account that the role reads. Null for the other purposes.';

CREATE TABLE amocrm.scan (
    account_id bigint NOT NULL,
    started_at timestamp with time zone NOT NULL,
    scan_date date NOT NULL,
    published_at timestamp with time zone DEFAULT now() NOT NULL,
    customers_count bigint NOT NULL,
    by_id_count bigint NOT NULL,
    gone_count bigint NOT NULL,
    kept_count bigint NOT NULL,
    forgotten_count bigint NOT NULL,
    request_count bigint NOT NULL,
    duration_seconds double precision NOT NULL,
    stage_change_count bigint NOT NULL,
    explained_count bigint NOT NULL,
    events_until timestamp with time zone NOT NULL,
    is_beginning boolean NOT NULL,
    events_from timestamp with time zone NOT NULL,
    are_events_complete boolean NOT NULL
);

COMMENT ON TABLE amocrm.scan IS 'One row per published scan of an account''s customers.';

COMMENT ON COLUMN amocrm.scan.account_id IS 'The account.';

COMMENT ON COLUMN amocrm.scan.started_at IS 'When the scan sent its first request.';

COMMENT ON COLUMN amocrm.scan.scan_date IS 'Day of started_at in the account''s timezone.';

COMMENT ON COLUMN amocrm.scan.published_at IS 'When it was published, by the database''s clock.';

COMMENT ON COLUMN amocrm.scan.customers_count IS 'Customers after the scan, including kept ones.';

COMMENT ON COLUMN amocrm.scan.by_id_count IS 'Customers of the scan before that the list did not show, requested by id.';

COMMENT ON COLUMN amocrm.scan.gone_count IS 'Customers that amoCRM no longer has, or no longer shows to the token''s user.';

COMMENT ON COLUMN amocrm.scan.kept_count IS 'Customers that could not be read: their stays go on, unproven.';

COMMENT ON COLUMN amocrm.scan.forgotten_count IS 'Customers that were skipped because they were forgotten.';

COMMENT ON COLUMN amocrm.scan.request_count IS 'Requests sent, with those before an interruption.';

COMMENT ON COLUMN amocrm.scan.duration_seconds IS 'Seconds from the first request to the last response.';

COMMENT ON COLUMN amocrm.scan.stage_change_count IS 'Customers that were in another stage than in the scan before.';

COMMENT ON COLUMN amocrm.scan.explained_count IS 'Those of them whose events lead from the one stage to the other.';

COMMENT ON COLUMN amocrm.scan.events_until IS 'Events from before this instant are in amocrm.stage_move. 1970-01-01: none, since amoCRM showed none.';

COMMENT ON COLUMN amocrm.scan.is_beginning IS 'True for the account''s first scan, and for the first after all customers were forgotten: the begin of the stays that it found is unknown.';

COMMENT ON COLUMN amocrm.scan.events_from IS 'Events from this instant on and before events_until are in amocrm.stage_move; later scans read older ones. 1970-01-01: from the first that amoCRM keeps.';

COMMENT ON COLUMN amocrm.scan.are_events_complete IS 'False if events since the scan before could not be read, or were more than 100,000.';

CREATE TABLE amocrm.schema_migration (
    version integer NOT NULL,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT schema_migration_version_check CHECK ((version > 0))
);

COMMENT ON TABLE amocrm.schema_migration IS 'One row per migration applied to this database.';

COMMENT ON COLUMN amocrm.schema_migration.version IS 'Number of the migration: they are applied in this order, each once.';

COMMENT ON COLUMN amocrm.schema_migration.name IS 'Name of its file in sql/migrations.';

COMMENT ON COLUMN amocrm.schema_migration.checksum IS 'SHA-256 of the file as it was applied, in hexadecimal. A file that was edited since is refused.';

COMMENT ON COLUMN amocrm.schema_migration.applied_at IS 'When it was applied, by the database''s clock.';

CREATE TABLE amocrm.schema_view (
    name text NOT NULL,
    checksum text NOT NULL,
    grants text[] DEFAULT '{}'::text[] NOT NULL
);

COMMENT ON TABLE amocrm.schema_view IS 'One row per view that migrating made in the schema analytics: these, and no others, it may replace or drop.';

COMMENT ON COLUMN amocrm.schema_view.name IS 'Name of the view, and of its file in sql/views.';

COMMENT ON COLUMN amocrm.schema_view.checksum IS 'SHA-256 of the file that made it, in hexadecimal.';

COMMENT ON COLUMN amocrm.schema_view.grants IS 'Rights that others have on the view, while it is dropped to be re-created.';

CREATE TABLE amocrm.segment_current (
    account_id bigint NOT NULL,
    segment_id bigint NOT NULL,
    valid_from timestamp with time zone NOT NULL,
    customers_count bigint,
    content_hash bytea NOT NULL,
    CONSTRAINT segment_current_content_hash_check CHECK ((octet_length(content_hash) = 32)),
    CONSTRAINT segment_current_customers_count_check CHECK ((customers_count >= 0))
)
WITH (fillfactor='70');

COMMENT ON TABLE amocrm.segment_current IS 'One row per segment of the account''s latest snapshot: the next load compares with it.';

COMMENT ON COLUMN amocrm.segment_current.account_id IS 'The account.';

COMMENT ON COLUMN amocrm.segment_current.segment_id IS 'The segment.';

COMMENT ON COLUMN amocrm.segment_current.valid_from IS 'Its open version.';

COMMENT ON COLUMN amocrm.segment_current.customers_count IS 'Its size. Null while the API gives no usable number.';

COMMENT ON COLUMN amocrm.segment_current.content_hash IS 'SHA-256 of all that makes a version of the segment.';

CREATE TABLE amocrm.segment_field_value (
    account_id bigint NOT NULL,
    segment_id bigint NOT NULL,
    valid_from timestamp with time zone NOT NULL,
    field_id bigint NOT NULL,
    position integer NOT NULL,
    field_type text,
    text_value text,
    number_value numeric,
    boolean_value boolean,
    date_value date,
    timestamp_value timestamp with time zone,
    option_id bigint,
    json_value jsonb,
    CONSTRAINT segment_field_value_position_check CHECK ((position >= 0))
);

COMMENT ON TABLE amocrm.segment_field_value IS 'One row per value of a custom field of a segment, by version of the segment; several where the field holds several.';

COMMENT ON COLUMN amocrm.segment_field_value.account_id IS 'The account.';

COMMENT ON COLUMN amocrm.segment_field_value.segment_id IS 'The segment.';

COMMENT ON COLUMN amocrm.segment_field_value.valid_from IS 'The version of the segment that the value belongs to.';

COMMENT ON COLUMN amocrm.segment_field_value.field_id IS 'The field; its name at that time is in amocrm.field_version.';

COMMENT ON COLUMN amocrm.segment_field_value.position IS 'Position among the values of the field, from 0; options are ordered by their id, since amoCRM''s order is not stable.';

COMMENT ON COLUMN amocrm.segment_field_value.field_type IS 'Type of the field when the value was read, which decides the column that holds it.';

COMMENT ON COLUMN amocrm.segment_field_value.text_value IS 'Value of a text, textarea, url or streetaddress field, and any value that could not be typed. Null otherwise.';

COMMENT ON COLUMN amocrm.segment_field_value.number_value IS 'Value of a numeric field, exactly. Null otherwise.';

COMMENT ON COLUMN amocrm.segment_field_value.boolean_value IS 'Value of a checkbox. Null otherwise; a checkbox that is not set has no row.';

COMMENT ON COLUMN amocrm.segment_field_value.date_value IS 'Value of a date field: a day in the account''s timezone. Null otherwise.';

COMMENT ON COLUMN amocrm.segment_field_value.timestamp_value IS 'Value of a date_time field: an instant. Null otherwise.';

COMMENT ON COLUMN amocrm.segment_field_value.option_id IS 'Option chosen in a select, multiselect or radiobutton field; its label at that time is in amocrm.option_version. Null otherwise.';

COMMENT ON COLUMN amocrm.segment_field_value.json_value IS 'Value of a field of a type that is an object or unknown here, and any value that could not be typed, as received. Null otherwise.';

CREATE TABLE amocrm.segment_overlap (
    account_id bigint NOT NULL,
    segment_id bigint NOT NULL,
    other_segment_id bigint NOT NULL,
    customers_count bigint NOT NULL
);

COMMENT ON TABLE amocrm.segment_overlap IS 'One row per pair of segments that share customers in the account''s latest scan.';

COMMENT ON COLUMN amocrm.segment_overlap.account_id IS 'The account.';

COMMENT ON COLUMN amocrm.segment_overlap.segment_id IS 'The segment with the smaller id.';

COMMENT ON COLUMN amocrm.segment_overlap.other_segment_id IS 'The other one.';

COMMENT ON COLUMN amocrm.segment_overlap.customers_count IS 'Customers in both.';

CREATE TABLE amocrm.segment_price_field (
    account_id bigint NOT NULL,
    segment_id bigint NOT NULL,
    valid_from timestamp with time zone NOT NULL,
    price_field_id bigint NOT NULL
);

COMMENT ON TABLE amocrm.segment_price_field IS 'One row per price available to a segment, by version of the segment.';

COMMENT ON COLUMN amocrm.segment_price_field.account_id IS 'The account.';

COMMENT ON COLUMN amocrm.segment_price_field.segment_id IS 'The segment.';

COMMENT ON COLUMN amocrm.segment_price_field.valid_from IS 'The version of the segment that the price belongs to.';

COMMENT ON COLUMN amocrm.segment_price_field.price_field_id IS 'Id of a catalog''s custom field of type price (available_products_price_types).';

CREATE TABLE amocrm.segment_size (
    account_id bigint NOT NULL,
    segment_id bigint NOT NULL,
    observed_at timestamp with time zone NOT NULL,
    customers_count bigint,
    CONSTRAINT segment_size_customers_count_check CHECK ((customers_count >= 0))
);

COMMENT ON TABLE amocrm.segment_size IS 'One row per change of a segment''s size: it holds from this snapshot to the segment''s next row. Only ever appended to.';

COMMENT ON COLUMN amocrm.segment_size.account_id IS 'The account.';

COMMENT ON COLUMN amocrm.segment_size.segment_id IS 'The segment.';

COMMENT ON COLUMN amocrm.segment_size.observed_at IS 'The first snapshot that showed this size.';

COMMENT ON COLUMN amocrm.segment_size.customers_count IS 'Customers in the segment. Null once the segment is gone, or while the API gives no usable number.';

CREATE TABLE amocrm.segment_size_daily (
    account_id bigint NOT NULL,
    segment_id bigint NOT NULL,
    observed_date date NOT NULL,
    last_count bigint,
    min_count bigint,
    max_count bigint,
    CONSTRAINT segment_size_daily_check CHECK ((max_count >= min_count)),
    CONSTRAINT segment_size_daily_last_count_check CHECK ((last_count >= 0)),
    CONSTRAINT segment_size_daily_min_count_check CHECK ((min_count >= 0))
)
WITH (fillfactor='80');

COMMENT ON TABLE amocrm.segment_size_daily IS 'One row per segment and day on which a snapshot showed it, in the account''s timezone. Derived from amocrm.segment_size and amocrm.snapshot.';

COMMENT ON COLUMN amocrm.segment_size_daily.account_id IS 'The account.';

COMMENT ON COLUMN amocrm.segment_size_daily.segment_id IS 'The segment.';

COMMENT ON COLUMN amocrm.segment_size_daily.observed_date IS 'Day in the account''s timezone.';

COMMENT ON COLUMN amocrm.segment_size_daily.last_count IS 'Size in the day''s last snapshot that showed the segment. Null if the API gave no usable number in it.';

COMMENT ON COLUMN amocrm.segment_size_daily.min_count IS 'Smallest size on the day. Null if no snapshot of the day gave a usable number.';

COMMENT ON COLUMN amocrm.segment_size_daily.max_count IS 'Largest size on the day. Null if no snapshot of the day gave a usable number.';

CREATE TABLE amocrm.segment_version (
    account_id bigint NOT NULL,
    segment_id bigint NOT NULL,
    valid_from timestamp with time zone NOT NULL,
    valid_to timestamp with time zone,
    end_reason text,
    name text,
    color text,
    created_at timestamp with time zone,
    updated_at timestamp with time zone,
    extra jsonb,
    bonus_points_conversion_rate numeric,
    bonus_points_max_discount numeric,
    CONSTRAINT segment_version_check CHECK ((valid_to > valid_from)),
    CONSTRAINT segment_version_check1 CHECK (((valid_to IS NULL) = (end_reason IS NULL))),
    CONSTRAINT segment_version_end_reason_check CHECK ((end_reason = ANY (ARRAY['changed'::text, 'deleted'::text, 'mode_off'::text]))),
    CONSTRAINT segment_version_segment_id_check CHECK ((segment_id > 0))
);

COMMENT ON TABLE amocrm.segment_version IS 'One row per state of a segment, its size aside, from the snapshot that first showed it to the first that did not.';

COMMENT ON COLUMN amocrm.segment_version.account_id IS 'The account.';

COMMENT ON COLUMN amocrm.segment_version.segment_id IS 'amoCRM''s id of the segment.';

COMMENT ON COLUMN amocrm.segment_version.valid_from IS 'observed_at of the first snapshot that showed this state.';

COMMENT ON COLUMN amocrm.segment_version.valid_to IS 'observed_at of the first snapshot that did not. Null while it is the current state.';

COMMENT ON COLUMN amocrm.segment_version.end_reason IS 'Why it ended: changed (another version follows), deleted (the API confirmed it by id), mode_off (the customers mode was switched). Null while open.';

COMMENT ON COLUMN amocrm.segment_version.name IS 'Name. Null where the API gave none.';

COMMENT ON COLUMN amocrm.segment_version.color IS 'Colour as received, without a leading #.';

COMMENT ON COLUMN amocrm.segment_version.created_at IS 'When the segment was created, by amoCRM. Null where the API gave no usable time.';

COMMENT ON COLUMN amocrm.segment_version.updated_at IS 'amoCRM''s time of the last update, as the first snapshot of this version showed it; on its own it makes no version.';

COMMENT ON COLUMN amocrm.segment_version.extra IS 'Properties that the vendor''s page does not know, as received. Null when there are none.';

COMMENT ON COLUMN amocrm.segment_version.bonus_points_conversion_rate IS 'Share of a purchase that customers receive as bonus points, in percent. Null if amoCRM gives none.';

COMMENT ON COLUMN amocrm.segment_version.bonus_points_max_discount IS 'Largest share of a purchase that customers can pay with bonus points, in percent. Null if amoCRM gives none.';

CREATE TABLE amocrm.size_alert (
    account_id bigint NOT NULL,
    alert_id uuid NOT NULL,
    place_id bigint CONSTRAINT size_alert_segment_id_not_null NOT NULL,
    place_name text,
    rule text NOT NULL,
    direction text NOT NULL,
    days integer NOT NULL,
    previous_observed_at timestamp with time zone NOT NULL,
    previous_count bigint NOT NULL,
    observed_at timestamp with time zone NOT NULL,
    customers_count bigint NOT NULL,
    missed_days integer NOT NULL,
    around jsonb NOT NULL,
    message text NOT NULL,
    told_at timestamp with time zone,
    ended_at timestamp with time zone,
    is_stage boolean NOT NULL,
    flows jsonb,
    snapshot_account_id bigint GENERATED ALWAYS AS (
CASE
    WHEN (NOT is_stage) THEN account_id
    ELSE NULL::bigint
END) STORED,
    scan_account_id bigint GENERATED ALWAYS AS (
CASE
    WHEN is_stage THEN account_id
    ELSE NULL::bigint
END) STORED,
    CONSTRAINT size_alert_check CHECK ((previous_observed_at < observed_at)),
    CONSTRAINT size_alert_check1 CHECK ((direction =
CASE
    WHEN (customers_count > previous_count) THEN 'up'::text
    ELSE 'down'::text
END)),
    CONSTRAINT size_alert_customers_count_check CHECK ((customers_count >= 0)),
    CONSTRAINT size_alert_days_check CHECK ((days > 0)),
    CONSTRAINT size_alert_direction_check CHECK ((direction = ANY (ARRAY['up'::text, 'down'::text]))),
    CONSTRAINT size_alert_missed_days_check CHECK ((missed_days >= 0)),
    CONSTRAINT size_alert_place_id_check CHECK ((place_id > 0)),
    CONSTRAINT size_alert_previous_count_check CHECK ((previous_count >= 0))
);

COMMENT ON TABLE amocrm.size_alert IS 'One row per size alert: a change of a segment or stage that reached a rule''s threshold. Rows are only added and completed.';

COMMENT ON COLUMN amocrm.size_alert.account_id IS 'The account.';

COMMENT ON COLUMN amocrm.size_alert.alert_id IS 'The event. Receivers get it as id, to know one that arrives twice.';

COMMENT ON COLUMN amocrm.size_alert.place_id IS 'The segment or stage.';

COMMENT ON COLUMN amocrm.size_alert.place_name IS 'Its name at that time. Null if it had none.';

COMMENT ON COLUMN amocrm.size_alert.rule IS 'The rule''s threshold, in the words of the settings.';

COMMENT ON COLUMN amocrm.size_alert.direction IS 'up or down.';

COMMENT ON COLUMN amocrm.size_alert.days IS 'The rule''s span, in days of the account.';

COMMENT ON COLUMN amocrm.size_alert.previous_observed_at IS 'The snapshot or scan compared with: the last of the day that is the rule''s span before, or of the nearest earlier day that has one.';

COMMENT ON COLUMN amocrm.size_alert.previous_count IS 'Size at that time.';

COMMENT ON COLUMN amocrm.size_alert.observed_at IS 'The snapshot or scan that reached the threshold.';

COMMENT ON COLUMN amocrm.size_alert.customers_count IS 'Size at that time.';

COMMENT ON COLUMN amocrm.size_alert.missed_days IS 'Number of days by which the comparison exceeds the rule''s span, because no load or scan succeeded on the day to compare with. Usually 0.';

COMMENT ON COLUMN amocrm.size_alert.around IS 'What changed in amoCRM between the two or in the 24 hours before, and gaps: a list of objects with date (the account''s) and text, latest first. Empty if there is nothing.';

COMMENT ON COLUMN amocrm.size_alert.message IS 'Text of the alert.';

COMMENT ON COLUMN amocrm.size_alert.told_at IS 'When a receiver had accepted the alert. Null while it is pending; each load retries.';

COMMENT ON COLUMN amocrm.size_alert.ended_at IS 'The snapshot or scan in which the change was below 80 percent of the threshold again, or the segment, the stage or the rule was gone. Null while the alert is ongoing.';

COMMENT ON COLUMN amocrm.size_alert.is_stage IS 'True for a stage, whose sizes come from scans; false for a segment, whose sizes come from snapshots.';

COMMENT ON COLUMN amocrm.size_alert.flows IS 'Customers that came and went between the two, as sent. Null if no scans are near them.';

COMMENT ON COLUMN amocrm.size_alert.snapshot_account_id IS 'The account, for the keys of snapshots. Null for a stage.';

COMMENT ON COLUMN amocrm.size_alert.scan_account_id IS 'The account, for the keys of scans. Null for a segment.';

CREATE TABLE amocrm.snapshot (
    account_id bigint NOT NULL,
    observed_at timestamp with time zone NOT NULL,
    observed_date date NOT NULL,
    load_id uuid NOT NULL,
    customers_mode text NOT NULL,
    timezone text NOT NULL,
    stage_count integer,
    segment_count integer,
    field_count integer,
    option_count integer,
    opened_count integer NOT NULL,
    closed_count integer NOT NULL,
    size_change_count integer NOT NULL,
    request_count integer NOT NULL,
    byte_count bigint NOT NULL,
    duration_seconds double precision NOT NULL,
    code_version text NOT NULL,
    run_id text,
    published_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT snapshot_byte_count_check CHECK ((byte_count >= 0)),
    CONSTRAINT snapshot_check CHECK (((stage_count IS NOT NULL) = (customers_mode = 'periodicity'::text))),
    CONSTRAINT snapshot_check1 CHECK (((segment_count IS NOT NULL) = (customers_mode = 'segments'::text))),
    CONSTRAINT snapshot_check2 CHECK (((field_count IS NOT NULL) = (customers_mode = 'segments'::text))),
    CONSTRAINT snapshot_check3 CHECK (((option_count IS NOT NULL) = (customers_mode = 'segments'::text))),
    CONSTRAINT snapshot_closed_count_check CHECK ((closed_count >= 0)),
    CONSTRAINT snapshot_customers_mode_check CHECK ((customers_mode = ANY (ARRAY['unavailable'::text, 'disabled'::text, 'segments'::text, 'periodicity'::text]))),
    CONSTRAINT snapshot_duration_seconds_check CHECK ((duration_seconds >= (0)::double precision)),
    CONSTRAINT snapshot_field_count_check CHECK ((field_count >= 0)),
    CONSTRAINT snapshot_opened_count_check CHECK ((opened_count >= 0)),
    CONSTRAINT snapshot_option_count_check CHECK ((option_count >= 0)),
    CONSTRAINT snapshot_request_count_check CHECK ((request_count >= 0)),
    CONSTRAINT snapshot_segment_count_check CHECK ((segment_count >= 0)),
    CONSTRAINT snapshot_size_change_count_check CHECK ((size_change_count >= 0)),
    CONSTRAINT snapshot_stage_count_check CHECK ((stage_count >= 0))
);

COMMENT ON TABLE amocrm.snapshot IS 'One row per snapshot published: the ledger. All that belongs to a snapshot was committed together with its row.';

COMMENT ON COLUMN amocrm.snapshot.account_id IS 'The account observed.';

COMMENT ON COLUMN amocrm.snapshot.observed_at IS 'When the load began to ask the API: the instant the snapshot stands for. Strictly rising per account.';

COMMENT ON COLUMN amocrm.snapshot.observed_date IS 'Day of observed_at in the account''s timezone of that moment.';

COMMENT ON COLUMN amocrm.snapshot.load_id IS 'The load that made the snapshot; publishing it twice changes nothing.';

COMMENT ON COLUMN amocrm.snapshot.customers_mode IS 'Customers mode at that moment. A change of mode is a break in the series, not a deletion.';

COMMENT ON COLUMN amocrm.snapshot.timezone IS 'IANA name of the account''s timezone at that moment.';

COMMENT ON COLUMN amocrm.snapshot.stage_count IS 'Number of stages. Null if the mode has none.';

COMMENT ON COLUMN amocrm.snapshot.segment_count IS 'Number of segments. Null if the mode has none.';

COMMENT ON COLUMN amocrm.snapshot.field_count IS 'Number of segment fields. Null if the mode has none.';

COMMENT ON COLUMN amocrm.snapshot.option_count IS 'Number of options of those fields. Null if the mode has none.';

COMMENT ON COLUMN amocrm.snapshot.opened_count IS 'Versions that this snapshot opened, of all things together.';

COMMENT ON COLUMN amocrm.snapshot.closed_count IS 'Versions that this snapshot closed, of all things together.';

COMMENT ON COLUMN amocrm.snapshot.size_change_count IS 'Segments whose size differs from the snapshot before, those that came and went included.';

COMMENT ON COLUMN amocrm.snapshot.request_count IS 'Requests the load made, retries included.';

COMMENT ON COLUMN amocrm.snapshot.byte_count IS 'Bytes of all responses, decoded.';

COMMENT ON COLUMN amocrm.snapshot.duration_seconds IS 'Seconds from the first request to the last response.';

COMMENT ON COLUMN amocrm.snapshot.code_version IS 'Version of this software that made the snapshot.';

COMMENT ON COLUMN amocrm.snapshot.run_id IS 'Dagster''s id of the run. Null for a load without Dagster.';

COMMENT ON COLUMN amocrm.snapshot.published_at IS 'When the row was written, by the database''s clock.';

CREATE TABLE amocrm.stage_move (
    account_id bigint NOT NULL,
    moved_date date NOT NULL,
    from_stage_id bigint NOT NULL,
    to_stage_id bigint NOT NULL,
    user_id bigint NOT NULL,
    customers_count bigint NOT NULL,
    is_backfilled boolean NOT NULL
);

COMMENT ON TABLE amocrm.stage_move IS 'One row per day, pair of stages and actor of the moves that amoCRM''s events name.';

COMMENT ON COLUMN amocrm.stage_move.account_id IS 'The account.';

COMMENT ON COLUMN amocrm.stage_move.moved_date IS 'Day of the events in the account''s timezone.';

COMMENT ON COLUMN amocrm.stage_move.from_stage_id IS 'Stage before; 0 if the event names none.';

COMMENT ON COLUMN amocrm.stage_move.to_stage_id IS 'Stage after; 0 if the event names none.';

COMMENT ON COLUMN amocrm.stage_move.user_id IS 'amoCRM''s id of the user who moved the customers; 0 for automation.';

COMMENT ON COLUMN amocrm.stage_move.customers_count IS 'Number of moves.';

COMMENT ON COLUMN amocrm.stage_move.is_backfilled IS 'True if the events are from before the first scan.';

CREATE TABLE amocrm.stage_rule (
    account_id bigint NOT NULL,
    stage_id bigint NOT NULL,
    valid_from timestamp with time zone NOT NULL,
    group_position integer NOT NULL,
    rule_position integer NOT NULL,
    type text,
    match jsonb,
    rule jsonb NOT NULL,
    CONSTRAINT stage_rule_group_position_check CHECK ((group_position >= 0)),
    CONSTRAINT stage_rule_rule_position_check CHECK ((rule_position >= 0))
);

COMMENT ON TABLE amocrm.stage_rule IS 'One row per rule in the conditions of a stage''s version. How groups combine is undocumented: structure is kept, no meaning claimed.';

COMMENT ON COLUMN amocrm.stage_rule.account_id IS 'The account.';

COMMENT ON COLUMN amocrm.stage_rule.stage_id IS 'The stage.';

COMMENT ON COLUMN amocrm.stage_rule.valid_from IS 'The version of the stage that the rule belongs to.';

COMMENT ON COLUMN amocrm.stage_rule.group_position IS 'Position of the rule''s group, from 0.';

COMMENT ON COLUMN amocrm.stage_rule.rule_position IS 'Position of the rule in its group, from 0.';

COMMENT ON COLUMN amocrm.stage_rule.type IS 'Kind of rule, for example before_purchase, after_today, tag. Null where the API gave none.';

COMMENT ON COLUMN amocrm.stage_rule.match IS 'What the rule compares with (match.value): a number or a list. Null where the API gave none.';

COMMENT ON COLUMN amocrm.stage_rule.rule IS 'The whole rule as received.';

CREATE TABLE amocrm.stage_version (
    account_id bigint NOT NULL,
    stage_id bigint NOT NULL,
    valid_from timestamp with time zone NOT NULL,
    valid_to timestamp with time zone,
    end_reason text,
    name text,
    sort bigint,
    is_default boolean,
    color text,
    type bigint,
    rule_group_count integer NOT NULL,
    extra jsonb,
    content_hash bytea NOT NULL,
    CONSTRAINT stage_version_check CHECK ((valid_to > valid_from)),
    CONSTRAINT stage_version_check1 CHECK (((valid_to IS NULL) = (end_reason IS NULL))),
    CONSTRAINT stage_version_content_hash_check CHECK ((octet_length(content_hash) = 32)),
    CONSTRAINT stage_version_end_reason_check CHECK ((end_reason = ANY (ARRAY['changed'::text, 'deleted'::text, 'mode_off'::text]))),
    CONSTRAINT stage_version_rule_group_count_check CHECK ((rule_group_count >= 0)),
    CONSTRAINT stage_version_stage_id_check CHECK ((stage_id > 0))
);

COMMENT ON TABLE amocrm.stage_version IS 'One row per state of a stage, from the snapshot that first showed it to the first that did not.';

COMMENT ON COLUMN amocrm.stage_version.account_id IS 'The account.';

COMMENT ON COLUMN amocrm.stage_version.stage_id IS 'amoCRM''s id of the stage.';

COMMENT ON COLUMN amocrm.stage_version.valid_from IS 'observed_at of the first snapshot that showed this state.';

COMMENT ON COLUMN amocrm.stage_version.valid_to IS 'observed_at of the first snapshot that did not. Null while it is the current state.';

COMMENT ON COLUMN amocrm.stage_version.end_reason IS 'Why it ended: changed (another version follows), deleted (the API confirmed it by id), mode_off (the customers mode was switched). Null while open.';

COMMENT ON COLUMN amocrm.stage_version.name IS 'Name. Null where the API gave none.';

COMMENT ON COLUMN amocrm.stage_version.sort IS 'Position among the stages. Null where the API gave no usable number.';

COMMENT ON COLUMN amocrm.stage_version.is_default IS 'Whether it is a system stage, which cannot be deleted. Null where the API did not say.';

COMMENT ON COLUMN amocrm.stage_version.color IS 'Colour with a leading #, as received.';

COMMENT ON COLUMN amocrm.stage_version.type IS 'Type as received; amoCRM''s text and its example disagree on the meaning, so nothing is corrected here.';

COMMENT ON COLUMN amocrm.stage_version.rule_group_count IS 'Number of groups of rules, empty ones included.';

COMMENT ON COLUMN amocrm.stage_version.extra IS 'Properties that the vendor''s page does not know, as received. Null when there are none.';

COMMENT ON COLUMN amocrm.stage_version.content_hash IS 'SHA-256 of the stage''s content: a different hash opens a new version.';

CREATE TABLE amocrm.stay_duration (
    account_id bigint NOT NULL,
    is_stage boolean NOT NULL,
    place_id bigint NOT NULL,
    is_open boolean NOT NULL,
    stay_count bigint NOT NULL,
    median_seconds double precision NOT NULL,
    p90_seconds double precision NOT NULL
);

COMMENT ON TABLE amocrm.stay_duration IS 'One row per stage or segment for its ended stays and one for those that last, as of the account''s latest scan. Stays of the first scan are left out.';

COMMENT ON COLUMN amocrm.stay_duration.account_id IS 'The account.';

COMMENT ON COLUMN amocrm.stay_duration.is_stage IS 'True for a stage, false for a segment.';

COMMENT ON COLUMN amocrm.stay_duration.place_id IS 'The stage or segment.';

COMMENT ON COLUMN amocrm.stay_duration.is_open IS 'True for stays that last: their durations until the scan.';

COMMENT ON COLUMN amocrm.stay_duration.stay_count IS 'Number of stays.';

COMMENT ON COLUMN amocrm.stay_duration.median_seconds IS 'Median of the durations, from the first to the last read of each.';

COMMENT ON COLUMN amocrm.stay_duration.p90_seconds IS '90th percentile of the durations.';

CREATE TABLE amocrm.stay_month (
    account_id bigint NOT NULL,
    is_stage boolean NOT NULL,
    place_id bigint NOT NULL,
    entered_month date NOT NULL,
    left_month date NOT NULL,
    customers_count bigint NOT NULL,
    folded_count bigint DEFAULT 0 NOT NULL
);

COMMENT ON TABLE amocrm.stay_month IS 'One row per stage or segment, month in which customers entered, and month in which they left, as of the account''s latest scan. Stays of the first scan are left out, since their begin is unknown.';

COMMENT ON COLUMN amocrm.stay_month.account_id IS 'The account.';

COMMENT ON COLUMN amocrm.stay_month.is_stage IS 'True for a stage, false for a segment.';

COMMENT ON COLUMN amocrm.stay_month.place_id IS 'The stage or segment.';

COMMENT ON COLUMN amocrm.stay_month.entered_month IS 'First day of the month in which the stays were first read.';

COMMENT ON COLUMN amocrm.stay_month.left_month IS 'First day of the month in which their end was read; infinity while they last.';

COMMENT ON COLUMN amocrm.stay_month.customers_count IS 'Number of stays, with folded ones.';

COMMENT ON COLUMN amocrm.stay_month.folded_count IS 'Those of them that retention has deleted from members.stay.';

CREATE TABLE amocrm.undelivered_alert (
    alert_id uuid NOT NULL,
    receiver text NOT NULL,
    payload jsonb NOT NULL,
    created_at timestamp with time zone NOT NULL,
    tried_at timestamp with time zone NOT NULL
);

COMMENT ON TABLE amocrm.undelivered_alert IS 'One row per alert and receiver that did not take it, while another receiver did. Deleted when the receiver takes it, is no longer set, or after a week.';

COMMENT ON COLUMN amocrm.undelivered_alert.alert_id IS 'Id of the row.';

COMMENT ON COLUMN amocrm.undelivered_alert.receiver IS 'Name of the receiver: webhook, or the service of its URL in AMOCRM_ALERT_URLS, numbered if there are several.';

COMMENT ON COLUMN amocrm.undelivered_alert.payload IS 'The message as JSON, made inert.';

COMMENT ON COLUMN amocrm.undelivered_alert.created_at IS 'When it was sent to the other receivers, by the database''s clock.';

COMMENT ON COLUMN amocrm.undelivered_alert.tried_at IS 'When it was last sent to this one, by the database''s clock.';

CREATE TABLE amocrm.work_lock (
    work text NOT NULL,
    account_id bigint NOT NULL,
    taken_at timestamp with time zone DEFAULT now() NOT NULL
)
WITH (fillfactor='50');

COMMENT ON TABLE amocrm.work_lock IS 'One row per account and kind of work that one process at a time may do. The process that does it locks the row until its transaction ends. It may be emptied while nothing runs.';

COMMENT ON COLUMN amocrm.work_lock.work IS 'The work: raw_answer (storing and purging raw responses), size_alert (evaluating alerts), wide_view (creating the view segments_<account id>), apply (changing the account in amoCRM).';

COMMENT ON COLUMN amocrm.work_lock.account_id IS 'amoCRM''s id of the account, which need not have a snapshot yet.';

COMMENT ON COLUMN amocrm.work_lock.taken_at IS 'When the lock was last taken, by the database''s clock. For apply: when the account was first changed.';

CREATE TABLE amocrm.write_back (
    account_id bigint NOT NULL,
    call_id uuid NOT NULL,
    apply_id uuid NOT NULL,
    position integer NOT NULL,
    intended_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone,
    outcome text DEFAULT 'uncertain'::text NOT NULL,
    who text NOT NULL,
    reason text,
    source text NOT NULL,
    restored_from timestamp with time zone,
    method text NOT NULL,
    path text NOT NULL,
    body jsonb,
    status integer,
    answer jsonb,
    request_id text,
    error text,
    CONSTRAINT write_back_check CHECK (((ended_at IS NOT NULL) OR (outcome = 'uncertain'::text))),
    CONSTRAINT write_back_method_check CHECK ((method = ANY (ARRAY['POST'::text, 'PATCH'::text, 'DELETE'::text]))),
    CONSTRAINT write_back_outcome_check CHECK ((outcome = ANY (ARRAY['done'::text, 'refused'::text, 'not_sent'::text, 'uncertain'::text]))),
    CONSTRAINT write_back_position_check CHECK ((position >= 0))
);

COMMENT ON TABLE amocrm.write_back IS 'One row per call that this program made to change an account. Only ever added to and completed.';

COMMENT ON COLUMN amocrm.write_back.account_id IS 'The account.';

COMMENT ON COLUMN amocrm.write_back.call_id IS 'The call.';

COMMENT ON COLUMN amocrm.write_back.apply_id IS 'The command or run whose plan the call was part of.';

COMMENT ON COLUMN amocrm.write_back.position IS 'Order of the call among those of its apply, from 0.';

COMMENT ON COLUMN amocrm.write_back.intended_at IS 'When the row was written, right before the call was sent.';

COMMENT ON COLUMN amocrm.write_back.ended_at IS 'When its outcome was written. Null where the process did not live to see it.';

COMMENT ON COLUMN amocrm.write_back.outcome IS 'done: amoCRM confirmed it, or, after a lost response, a later load did; refused: amoCRM rejected it; not_sent: amoCRM was not reached; uncertain: unknown.';

COMMENT ON COLUMN amocrm.write_back.who IS 'Who made it: user and machine, or what --as was given.';

COMMENT ON COLUMN amocrm.write_back.reason IS 'Reason given by the user. Null if none was given.';

COMMENT ON COLUMN amocrm.write_back.source IS 'Where it was written what is wanted: a file, a command, an instant of the history.';

COMMENT ON COLUMN amocrm.write_back.restored_from IS 'observed_at of the snapshot that was restored. Null where the past was not what was wanted.';

COMMENT ON COLUMN amocrm.write_back.method IS 'HTTP method.';

COMMENT ON COLUMN amocrm.write_back.path IS 'Path of the request.';

COMMENT ON COLUMN amocrm.write_back.body IS 'The body as sent. Null where the method has none.';

COMMENT ON COLUMN amocrm.write_back.status IS 'HTTP status of the response. Null if none arrived.';

COMMENT ON COLUMN amocrm.write_back.answer IS 'Body of the response. Null if there was none, or none in JSON.';

COMMENT ON COLUMN amocrm.write_back.request_id IS 'amoCRM''s X-Request-Id, which its support needs. Null if there was none.';

COMMENT ON COLUMN amocrm.write_back.error IS 'What went wrong, and what to do next. Null where nothing did.';

CREATE TABLE amocrm.write_back_thing (
    account_id bigint NOT NULL,
    call_id uuid NOT NULL,
    position integer NOT NULL,
    thing text NOT NULL,
    action text NOT NULL,
    thing_id bigint,
    name text,
    replaces_id bigint,
    CONSTRAINT write_back_thing_action_check CHECK ((action = ANY (ARRAY['add'::text, 'change'::text, 'delete'::text]))),
    CONSTRAINT write_back_thing_check CHECK (((thing_id IS NOT NULL) OR (action = 'add'::text))),
    CONSTRAINT write_back_thing_check1 CHECK (((replaces_id IS NULL) OR (action = 'add'::text))),
    CONSTRAINT write_back_thing_position_check CHECK ((position >= 0)),
    CONSTRAINT write_back_thing_replaces_id_check CHECK ((replaces_id > 0)),
    CONSTRAINT write_back_thing_thing_check CHECK ((thing = ANY (ARRAY['stage'::text, 'segment'::text]))),
    CONSTRAINT write_back_thing_thing_id_check CHECK ((thing_id > 0))
);

COMMENT ON TABLE amocrm.write_back_thing IS 'One row per stage or segment that a call is about: one a call, but for stages, which are added several at a time.';

COMMENT ON COLUMN amocrm.write_back_thing.account_id IS 'The account.';

COMMENT ON COLUMN amocrm.write_back_thing.call_id IS 'The call.';

COMMENT ON COLUMN amocrm.write_back_thing.position IS 'Its place in the call''s body, from 0.';

COMMENT ON COLUMN amocrm.write_back_thing.thing IS 'stage or segment.';

COMMENT ON COLUMN amocrm.write_back_thing.action IS 'add, change or delete.';

COMMENT ON COLUMN amocrm.write_back_thing.thing_id IS 'amoCRM''s id of the thing; of one to add the id that amoCRM gave it. Null while that is not known, or it was not added.';

COMMENT ON COLUMN amocrm.write_back_thing.name IS 'Name of the thing before the call; of one to add the name it was to have. Null where it has none.';

COMMENT ON COLUMN amocrm.write_back_thing.replaces_id IS 'Of a restored thing the id it had before, whose successor it is. Null otherwise.';

CREATE TABLE members.forgotten (
    account_id bigint NOT NULL,
    id_hash bytea NOT NULL,
    key_hash bytea NOT NULL,
    forgotten_at timestamp with time zone DEFAULT now() NOT NULL
);

COMMENT ON TABLE members.forgotten IS 'One row per forgotten customer: scans skip it.';

COMMENT ON COLUMN members.forgotten.account_id IS 'The account.';

COMMENT ON COLUMN members.forgotten.id_hash IS 'HMAC-SHA256 of the customer''s id with a secret that only the data folder holds.';

COMMENT ON COLUMN members.forgotten.key_hash IS 'HMAC-SHA256 of a constant with that secret, which recognizes it.';

COMMENT ON COLUMN members.forgotten.forgotten_at IS 'When, by the database''s clock.';

ALTER TABLE ONLY amocrm.account
    ADD CONSTRAINT account_account_key_key UNIQUE (account_key);

ALTER TABLE ONLY amocrm.account
    ADD CONSTRAINT account_pkey PRIMARY KEY (account_id);

ALTER TABLE ONLY amocrm.change_notice
    ADD CONSTRAINT change_notice_pkey PRIMARY KEY (account_id);

ALTER TABLE ONLY amocrm.failure_notice
    ADD CONSTRAINT failure_notice_pkey PRIMARY KEY (account_key, is_scan);

ALTER TABLE ONLY amocrm.field_version
    ADD CONSTRAINT field_version_overlap EXCLUDE USING gist (int8range(account_id, account_id, '[]'::text) WITH &&, int8range(field_id, field_id, '[]'::text) WITH &&, tstzrange(valid_from, valid_to) WITH &&);

ALTER TABLE ONLY amocrm.field_version
    ADD CONSTRAINT field_version_pkey PRIMARY KEY (account_id, field_id, valid_from);

ALTER TABLE ONLY amocrm.load_failure
    ADD CONSTRAINT load_failure_pkey PRIMARY KEY (account_key, started_at);

ALTER TABLE ONLY amocrm.member_difference
    ADD CONSTRAINT member_difference_pkey PRIMARY KEY (account_id, started_at, segment_id);

ALTER TABLE ONLY amocrm.newest_answers
    ADD CONSTRAINT newest_answers_pkey PRIMARY KEY (account_id);

ALTER TABLE ONLY amocrm.option_version
    ADD CONSTRAINT option_version_overlap EXCLUDE USING gist (int8range(account_id, account_id, '[]'::text) WITH &&, int8range(field_id, field_id, '[]'::text) WITH &&, int8range(option_id, option_id, '[]'::text) WITH &&, tstzrange(valid_from, valid_to) WITH &&);

ALTER TABLE ONLY amocrm.option_version
    ADD CONSTRAINT option_version_pkey PRIMARY KEY (account_id, field_id, option_id, valid_from);

ALTER TABLE ONLY amocrm.place_day
    ADD CONSTRAINT place_day_pkey PRIMARY KEY (account_id, is_stage, place_id, observed_date);

ALTER TABLE ONLY amocrm.place_flow_day
    ADD CONSTRAINT place_flow_day_pkey PRIMARY KEY (account_id, is_stage, flow_date);

ALTER TABLE ONLY amocrm.quality_event
    ADD CONSTRAINT quality_event_pkey PRIMARY KEY (account_id, kind, thing, thing_id, detail, valid_from);

ALTER TABLE ONLY amocrm.raw_answer
    ADD CONSTRAINT raw_answer_pkey PRIMARY KEY (account_id, observed_at, load_id, sequence);

ALTER TABLE ONLY amocrm.raw_body
    ADD CONSTRAINT raw_body_pkey PRIMARY KEY (account_id, body_hash);

ALTER TABLE ONLY amocrm.role_name
    ADD CONSTRAINT role_name_pkey PRIMARY KEY (name);

ALTER TABLE ONLY amocrm.scan
    ADD CONSTRAINT scan_pkey PRIMARY KEY (account_id, started_at);

ALTER TABLE ONLY amocrm.schema_migration
    ADD CONSTRAINT schema_migration_pkey PRIMARY KEY (version);

ALTER TABLE ONLY amocrm.schema_view
    ADD CONSTRAINT schema_view_pkey PRIMARY KEY (name);

ALTER TABLE ONLY amocrm.segment_current
    ADD CONSTRAINT segment_current_pkey PRIMARY KEY (account_id, segment_id);

ALTER TABLE ONLY amocrm.segment_field_value
    ADD CONSTRAINT segment_field_value_pkey PRIMARY KEY (account_id, segment_id, valid_from, field_id, position);

ALTER TABLE ONLY amocrm.segment_overlap
    ADD CONSTRAINT segment_overlap_pkey PRIMARY KEY (account_id, segment_id, other_segment_id);

ALTER TABLE ONLY amocrm.segment_price_field
    ADD CONSTRAINT segment_price_field_pkey PRIMARY KEY (account_id, segment_id, valid_from, price_field_id);

ALTER TABLE ONLY amocrm.segment_size_daily
    ADD CONSTRAINT segment_size_daily_pkey PRIMARY KEY (account_id, segment_id, observed_date);

ALTER TABLE ONLY amocrm.segment_size
    ADD CONSTRAINT segment_size_pkey PRIMARY KEY (account_id, segment_id, observed_at);

ALTER TABLE ONLY amocrm.segment_version
    ADD CONSTRAINT segment_version_overlap EXCLUDE USING gist (int8range(account_id, account_id, '[]'::text) WITH &&, int8range(segment_id, segment_id, '[]'::text) WITH &&, tstzrange(valid_from, valid_to) WITH &&);

ALTER TABLE ONLY amocrm.segment_version
    ADD CONSTRAINT segment_version_pkey PRIMARY KEY (account_id, segment_id, valid_from);

ALTER TABLE ONLY amocrm.size_alert
    ADD CONSTRAINT size_alert_pkey PRIMARY KEY (account_id, alert_id);

ALTER TABLE ONLY amocrm.snapshot
    ADD CONSTRAINT snapshot_pkey PRIMARY KEY (account_id, observed_at);

ALTER TABLE ONLY amocrm.stage_move
    ADD CONSTRAINT stage_move_pkey PRIMARY KEY (account_id, moved_date, from_stage_id, to_stage_id, user_id, is_backfilled);

ALTER TABLE ONLY amocrm.stage_rule
    ADD CONSTRAINT stage_rule_pkey PRIMARY KEY (account_id, stage_id, valid_from, group_position, rule_position);

ALTER TABLE ONLY amocrm.stage_version
    ADD CONSTRAINT stage_version_overlap EXCLUDE USING gist (int8range(account_id, account_id, '[]'::text) WITH &&, int8range(stage_id, stage_id, '[]'::text) WITH &&, tstzrange(valid_from, valid_to) WITH &&);

ALTER TABLE ONLY amocrm.stage_version
    ADD CONSTRAINT stage_version_pkey PRIMARY KEY (account_id, stage_id, valid_from);

ALTER TABLE ONLY amocrm.stay_duration
    ADD CONSTRAINT stay_duration_pkey PRIMARY KEY (account_id, is_stage, place_id, is_open);

ALTER TABLE ONLY amocrm.stay_month
    ADD CONSTRAINT stay_month_pkey PRIMARY KEY (account_id, is_stage, place_id, entered_month, left_month);

ALTER TABLE ONLY amocrm.undelivered_alert
    ADD CONSTRAINT undelivered_alert_pkey PRIMARY KEY (alert_id);

ALTER TABLE ONLY amocrm.work_lock
    ADD CONSTRAINT work_lock_pkey PRIMARY KEY (work, account_id);

ALTER TABLE ONLY amocrm.write_back
    ADD CONSTRAINT write_back_account_id_apply_id_position_key UNIQUE (account_id, apply_id, position);

ALTER TABLE ONLY amocrm.write_back
    ADD CONSTRAINT write_back_pkey PRIMARY KEY (account_id, call_id);

ALTER TABLE ONLY amocrm.write_back_thing
    ADD CONSTRAINT write_back_thing_pkey PRIMARY KEY (account_id, call_id, position);

ALTER TABLE ONLY members.forgotten
    ADD CONSTRAINT forgotten_pkey PRIMARY KEY (account_id, id_hash);

ALTER TABLE ONLY members.page
    ADD CONSTRAINT page_pkey PRIMARY KEY (account_id, started_at, kind, number);

CREATE UNIQUE INDEX field_version_open ON amocrm.field_version USING btree (account_id, field_id) WHERE (valid_to IS NULL);

CREATE UNIQUE INDEX option_version_open ON amocrm.option_version USING btree (account_id, field_id, option_id) WHERE (valid_to IS NULL);

CREATE UNIQUE INDEX quality_event_open ON amocrm.quality_event USING btree (account_id, kind, thing, thing_id, detail) WHERE (valid_to IS NULL);

CREATE INDEX raw_answer_body ON amocrm.raw_answer USING btree (account_id, body_hash);

CREATE UNIQUE INDEX role_name_purpose ON amocrm.role_name USING btree (purpose) WHERE (account_id IS NULL);

CREATE INDEX segment_version_ended ON amocrm.segment_version USING btree (account_id, valid_to);

CREATE INDEX segment_version_last ON amocrm.segment_version USING btree (account_id, segment_id, valid_from) WHERE (end_reason IS DISTINCT FROM 'changed'::text);

CREATE UNIQUE INDEX segment_version_open ON amocrm.segment_version USING btree (account_id, segment_id) WHERE (valid_to IS NULL);

CREATE UNIQUE INDEX size_alert_lasting ON amocrm.size_alert USING btree (account_id, is_stage, place_id, rule, direction) WHERE (ended_at IS NULL);

CREATE INDEX size_alert_waiting ON amocrm.size_alert USING btree (account_id) WHERE (told_at IS NULL);

CREATE INDEX snapshot_date ON amocrm.snapshot USING btree (account_id, observed_date);

CREATE UNIQUE INDEX stage_version_open ON amocrm.stage_version USING btree (account_id, stage_id) WHERE (valid_to IS NULL);

CREATE INDEX write_back_thing_replaced ON amocrm.write_back_thing USING btree (account_id, thing, replaces_id) WHERE (replaces_id IS NOT NULL);

CREATE INDEX write_back_uncertain ON amocrm.write_back USING btree (account_id) WHERE (outcome = 'uncertain'::text);

CREATE INDEX stay_of_customer ON members.stay USING btree (account_id, customer_id);

CREATE INDEX stay_of_place ON members.stay USING btree (account_id, place_id);

CREATE TRIGGER closed_is_closed BEFORE UPDATE ON amocrm.field_version FOR EACH ROW WHEN ((old.valid_to IS NOT NULL)) EXECUTE FUNCTION amocrm.refuse_rewriting();

CREATE TRIGGER closed_is_closed BEFORE UPDATE ON amocrm.option_version FOR EACH ROW WHEN ((old.valid_to IS NOT NULL)) EXECUTE FUNCTION amocrm.refuse_rewriting();

CREATE TRIGGER closed_is_closed BEFORE UPDATE ON amocrm.quality_event FOR EACH ROW WHEN ((old.valid_to IS NOT NULL)) EXECUTE FUNCTION amocrm.refuse_rewriting();

CREATE TRIGGER closed_is_closed BEFORE UPDATE ON amocrm.segment_version FOR EACH ROW WHEN ((old.valid_to IS NOT NULL)) EXECUTE FUNCTION amocrm.refuse_rewriting();

CREATE TRIGGER closed_is_closed BEFORE UPDATE ON amocrm.stage_version FOR EACH ROW WHEN ((old.valid_to IS NOT NULL)) EXECUTE FUNCTION amocrm.refuse_rewriting();

ALTER TABLE ONLY amocrm.change_notice
    ADD CONSTRAINT change_notice_account_id_observed_at_fkey FOREIGN KEY (account_id, observed_at) REFERENCES amocrm.snapshot(account_id, observed_at);

ALTER TABLE ONLY amocrm.field_version
    ADD CONSTRAINT field_version_account_id_fkey FOREIGN KEY (account_id) REFERENCES amocrm.account(account_id);

ALTER TABLE ONLY amocrm.field_version
    ADD CONSTRAINT field_version_account_id_valid_from_fkey FOREIGN KEY (account_id, valid_from) REFERENCES amocrm.snapshot(account_id, observed_at) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY amocrm.field_version
    ADD CONSTRAINT field_version_account_id_valid_to_fkey FOREIGN KEY (account_id, valid_to) REFERENCES amocrm.snapshot(account_id, observed_at) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY amocrm.member_difference
    ADD CONSTRAINT member_difference_account_id_fkey FOREIGN KEY (account_id) REFERENCES amocrm.account(account_id);

ALTER TABLE ONLY amocrm.newest_answers
    ADD CONSTRAINT newest_answers_account_id_fkey FOREIGN KEY (account_id) REFERENCES amocrm.account(account_id);

ALTER TABLE ONLY amocrm.newest_answers
    ADD CONSTRAINT newest_answers_account_id_observed_at_fkey FOREIGN KEY (account_id, observed_at) REFERENCES amocrm.snapshot(account_id, observed_at) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY amocrm.option_version
    ADD CONSTRAINT option_version_account_id_fkey FOREIGN KEY (account_id) REFERENCES amocrm.account(account_id);

ALTER TABLE ONLY amocrm.option_version
    ADD CONSTRAINT option_version_account_id_valid_from_fkey FOREIGN KEY (account_id, valid_from) REFERENCES amocrm.snapshot(account_id, observed_at) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY amocrm.option_version
    ADD CONSTRAINT option_version_account_id_valid_to_fkey FOREIGN KEY (account_id, valid_to) REFERENCES amocrm.snapshot(account_id, observed_at) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY amocrm.place_day
    ADD CONSTRAINT place_day_account_id_fkey FOREIGN KEY (account_id) REFERENCES amocrm.account(account_id);

ALTER TABLE ONLY amocrm.place_flow_day
    ADD CONSTRAINT place_flow_day_account_id_fkey FOREIGN KEY (account_id) REFERENCES amocrm.account(account_id);

ALTER TABLE ONLY amocrm.quality_event
    ADD CONSTRAINT quality_event_account_id_fkey FOREIGN KEY (account_id) REFERENCES amocrm.account(account_id);

ALTER TABLE ONLY amocrm.quality_event
    ADD CONSTRAINT quality_event_account_id_valid_from_fkey FOREIGN KEY (account_id, valid_from) REFERENCES amocrm.snapshot(account_id, observed_at) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY amocrm.quality_event
    ADD CONSTRAINT quality_event_account_id_valid_to_fkey FOREIGN KEY (account_id, valid_to) REFERENCES amocrm.snapshot(account_id, observed_at) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY amocrm.raw_answer
    ADD CONSTRAINT raw_answer_account_id_body_hash_fkey FOREIGN KEY (account_id, body_hash) REFERENCES amocrm.raw_body(account_id, body_hash);

ALTER TABLE ONLY amocrm.scan
    ADD CONSTRAINT scan_account_id_fkey FOREIGN KEY (account_id) REFERENCES amocrm.account(account_id);

ALTER TABLE ONLY amocrm.segment_current
    ADD CONSTRAINT segment_current_account_id_segment_id_valid_from_fkey FOREIGN KEY (account_id, segment_id, valid_from) REFERENCES amocrm.segment_version(account_id, segment_id, valid_from);

ALTER TABLE ONLY amocrm.segment_field_value
    ADD CONSTRAINT segment_field_value_account_id_segment_id_valid_from_fkey FOREIGN KEY (account_id, segment_id, valid_from) REFERENCES amocrm.segment_version(account_id, segment_id, valid_from);

ALTER TABLE ONLY amocrm.segment_overlap
    ADD CONSTRAINT segment_overlap_account_id_fkey FOREIGN KEY (account_id) REFERENCES amocrm.account(account_id);

ALTER TABLE ONLY amocrm.segment_price_field
    ADD CONSTRAINT segment_price_field_account_id_segment_id_valid_from_fkey FOREIGN KEY (account_id, segment_id, valid_from) REFERENCES amocrm.segment_version(account_id, segment_id, valid_from);

ALTER TABLE ONLY amocrm.segment_size
    ADD CONSTRAINT segment_size_account_id_observed_at_fkey FOREIGN KEY (account_id, observed_at) REFERENCES amocrm.snapshot(account_id, observed_at) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY amocrm.segment_size_daily
    ADD CONSTRAINT segment_size_daily_account_id_fkey FOREIGN KEY (account_id) REFERENCES amocrm.account(account_id);

ALTER TABLE ONLY amocrm.segment_version
    ADD CONSTRAINT segment_version_account_id_fkey FOREIGN KEY (account_id) REFERENCES amocrm.account(account_id);

ALTER TABLE ONLY amocrm.segment_version
    ADD CONSTRAINT segment_version_account_id_valid_from_fkey FOREIGN KEY (account_id, valid_from) REFERENCES amocrm.snapshot(account_id, observed_at) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY amocrm.segment_version
    ADD CONSTRAINT segment_version_account_id_valid_to_fkey FOREIGN KEY (account_id, valid_to) REFERENCES amocrm.snapshot(account_id, observed_at) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY amocrm.size_alert
    ADD CONSTRAINT size_alert_ending_scan FOREIGN KEY (scan_account_id, ended_at) REFERENCES amocrm.scan(account_id, started_at);

ALTER TABLE ONLY amocrm.size_alert
    ADD CONSTRAINT size_alert_ending_snapshot FOREIGN KEY (snapshot_account_id, ended_at) REFERENCES amocrm.snapshot(account_id, observed_at);

ALTER TABLE ONLY amocrm.size_alert
    ADD CONSTRAINT size_alert_previous_scan FOREIGN KEY (scan_account_id, previous_observed_at) REFERENCES amocrm.scan(account_id, started_at);

ALTER TABLE ONLY amocrm.size_alert
    ADD CONSTRAINT size_alert_previous_snapshot FOREIGN KEY (snapshot_account_id, previous_observed_at) REFERENCES amocrm.snapshot(account_id, observed_at);

ALTER TABLE ONLY amocrm.size_alert
    ADD CONSTRAINT size_alert_scan FOREIGN KEY (scan_account_id, observed_at) REFERENCES amocrm.scan(account_id, started_at);

ALTER TABLE ONLY amocrm.size_alert
    ADD CONSTRAINT size_alert_snapshot FOREIGN KEY (snapshot_account_id, observed_at) REFERENCES amocrm.snapshot(account_id, observed_at);

ALTER TABLE ONLY amocrm.snapshot
    ADD CONSTRAINT snapshot_account_id_fkey FOREIGN KEY (account_id) REFERENCES amocrm.account(account_id);

ALTER TABLE ONLY amocrm.stage_move
    ADD CONSTRAINT stage_move_account_id_fkey FOREIGN KEY (account_id) REFERENCES amocrm.account(account_id);

ALTER TABLE ONLY amocrm.stage_rule
    ADD CONSTRAINT stage_rule_account_id_stage_id_valid_from_fkey FOREIGN KEY (account_id, stage_id, valid_from) REFERENCES amocrm.stage_version(account_id, stage_id, valid_from);

ALTER TABLE ONLY amocrm.stage_version
    ADD CONSTRAINT stage_version_account_id_fkey FOREIGN KEY (account_id) REFERENCES amocrm.account(account_id);

ALTER TABLE ONLY amocrm.stage_version
    ADD CONSTRAINT stage_version_account_id_valid_from_fkey FOREIGN KEY (account_id, valid_from) REFERENCES amocrm.snapshot(account_id, observed_at) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY amocrm.stage_version
    ADD CONSTRAINT stage_version_account_id_valid_to_fkey FOREIGN KEY (account_id, valid_to) REFERENCES amocrm.snapshot(account_id, observed_at) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY amocrm.stay_duration
    ADD CONSTRAINT stay_duration_account_id_fkey FOREIGN KEY (account_id) REFERENCES amocrm.account(account_id);

ALTER TABLE ONLY amocrm.stay_month
    ADD CONSTRAINT stay_month_account_id_fkey FOREIGN KEY (account_id) REFERENCES amocrm.account(account_id);

ALTER TABLE ONLY amocrm.write_back
    ADD CONSTRAINT write_back_account_id_fkey FOREIGN KEY (account_id) REFERENCES amocrm.account(account_id);

ALTER TABLE ONLY amocrm.write_back
    ADD CONSTRAINT write_back_account_id_restored_from_fkey FOREIGN KEY (account_id, restored_from) REFERENCES amocrm.snapshot(account_id, observed_at);

ALTER TABLE ONLY amocrm.write_back_thing
    ADD CONSTRAINT write_back_thing_account_id_call_id_fkey FOREIGN KEY (account_id, call_id) REFERENCES amocrm.write_back(account_id, call_id);

ALTER TABLE ONLY members.forgotten
    ADD CONSTRAINT forgotten_account_id_fkey FOREIGN KEY (account_id) REFERENCES amocrm.account(account_id);

ALTER TABLE ONLY members.page
    ADD CONSTRAINT page_account_id_fkey FOREIGN KEY (account_id) REFERENCES amocrm.account(account_id);

ALTER TABLE ONLY members.stay
    ADD CONSTRAINT stay_account_id_fkey FOREIGN KEY (account_id) REFERENCES amocrm.account(account_id);
