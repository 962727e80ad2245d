-- One process at a time makes an account's wide view, and none waits long for those who read it.
select
    set_config('lock_timeout', '1s', true),
    pg_advisory_xact_lock(hashtextextended('analytics.segments_by_field', :account_id))
