-- name: forgotten_hashes
select id_hash, key_hash
from members.forgotten
where account_id = :account_id
