-- What reading the rows of an account's segments gave, so that a load in which some differ need not read the others again.

create table amocrm.row_memory (
    account_id bigint primary key references amocrm.account,
    reading_code text not null,
    segments jsonb not null
);

comment on table amocrm.row_memory is 'One row per account that ever showed segments: what reading the rows of its segments gave. It may be deleted: then the next load reads every row.';
comment on column amocrm.row_memory.account_id is 'The account.';
comment on column amocrm.row_memory.reading_code is 'SHA-256 of the code that read the rows: other code may read the same rows otherwise.';
comment on column amocrm.row_memory.segments is 'By the SHA-256 of each row, its size aside: the hash of the content, and the oddities that reading noticed.';
