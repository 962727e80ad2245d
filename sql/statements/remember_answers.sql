-- What the snapshot of an instant was read from; a newer one's stays.
insert into amocrm.newest_answers (account_id, observed_at, reading_code, answers)
values (:account_id, :observed_at, :reading_code, cast(:answers as jsonb))
on conflict (account_id) do update
set observed_at = excluded.observed_at, reading_code = excluded.reading_code, answers = excluded.answers
where newest_answers.observed_at < excluded.observed_at
