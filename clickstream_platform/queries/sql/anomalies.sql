-- name: anomalies
-- description: Hours, prices and visitors out of the ordinary, the newest first.
-- tables: gold.v_anomalies
-- param: from = min hour
-- param: to = max hour
-- param: kind = all | bot | conversion_rate | events | orders | price | revenue
-- param: limit = 20

select event_day, kind, detected_at, entity, score, array_to_string(reason_codes, ', ') as reasons
from gold.v_anomalies
where $kind in ('all', kind) and event_hour between $from and $to
order by detected_at desc, kind, entity
limit $limit
