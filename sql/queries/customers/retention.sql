-- name: accounts_with_expired_stays
select distinct account_id from members.stay where left_by <= :until order by account_id

-- name: fold_stays
-- Delete stays that ended by then, count them in their months, and return their number. The latest
-- scan has counted them already, but the next one will not find them. Those whose begin is unknown
-- are in no month.
with folded as (
    delete from members.stay
    where account_id = :account_id and left_by <= :until
    returning is_stage, place_id, entered_by, left_by
),

months as (
    insert into amocrm.stay_month as month (
        account_id, is_stage, place_id, entered_month, left_month, customers_count, folded_count
    )
    select
        :account_id, is_stage, place_id,
        date_trunc('month', timezone(cast(:timezone as text), entered_by)),
        date_trunc('month', timezone(cast(:timezone as text), left_by)),
        count(*), count(*)
    from folded
    where entered_by >= cast(:begins_from as timestamptz)
    group by 2, 3, 4, 5
    on conflict (account_id, is_stage, place_id, entered_month, left_month) do update
    set folded_count = month.folded_count + excluded.folded_count
)

select count(*) from folded
