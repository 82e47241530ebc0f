-- name: attribution
-- description: Orders and revenue each channel is owed, by attribution model.
-- tables: gold.attribution_credit
-- param: from = min hour
-- param: to = max hour
-- param: model = %

-- By whole days: those that the hours asked are in.
select
    model,
    channel_group,
    sum(credit)::double precision as orders,
    sum(credited_value) as revenue,
    count(distinct conversion_id) as orders_touched
from gold.attribution_credit
where model like $model and event_day between left($from, 10) and left($to, 10)
group by model, channel_group
order by model, revenue desc, channel_group
