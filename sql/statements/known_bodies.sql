-- Which of these bodies are stored already, so that they are neither compressed nor sent again.
select body_hash from amocrm.raw_body where account_id = :account_id and body_hash = any (cast(:body_hashes as bytea[]))
