-- name: session_agreement
-- description: How far our sessions agree with the tracker's own, by pairs of events, day by day.
-- tables: gold.session_agreement_daily
-- param: from = min day
-- param: to = max day

select event_day, events, pairs_both, pairs_ours, pairs_theirs, precision_rate, recall_rate, agreement
from gold.session_agreement_daily
where event_day between $from and $to
order by event_day
