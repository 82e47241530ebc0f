-- name: anomalies
-- description: Hours, prices and visitors out of the ordinary, the newest first.
-- tables: gold.v_anomalies
-- param: kind = %
-- param: limit = 20

select event_day, kind, detected_at, entity, score, array_to_string(reason_codes, ', ') as reasons
from gold.v_anomalies
where kind like $kind
order by detected_at desc, kind, entity
limit $limit
