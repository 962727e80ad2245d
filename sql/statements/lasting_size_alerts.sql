-- Events that have not ended, of which nobody is told again.
select alert_id, segment_id, rule, direction
from amocrm.size_alert
where account_id = :account_id and ended_at is null
