-- name: anomalies
-- description: Hours, prices and visitors out of the ordinary, the newest first.
-- tables: gold.v_anomalies
-- param: from = min hour
-- param: to = max hour
-- param: kind = %
-- param: limit = 20

-- By whole days: those that the hours asked are in.
select event_day, kind, detected_at, entity, score, array_to_string(reason_codes, ', ') as reasons
from gold.v_anomalies
where kind like $kind and event_day between left($from, 10) and left($to, 10)
order by detected_at desc, kind, entity
limit $limit
