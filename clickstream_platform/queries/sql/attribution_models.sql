-- name: attribution_models
-- description: Revenue each channel is owed by all seven models, side by side.
-- tables: gold.attribution_credit
-- param: traffic = all | human

select
    channel_group,
    count(distinct conversion_id) as orders_touched,
    sum(credited_value) filter (where model = 'first_touch') as first_touch,
    sum(credited_value) filter (where model = 'last_touch') as last_touch,
    sum(credited_value) filter (where model = 'linear') as linear,
    sum(credited_value) filter (where model = 'position_based') as position_based,
    sum(credited_value) filter (where model = 'time_decay') as time_decay,
    sum(credited_value) filter (where model = 'markov') as markov,
    sum(credited_value) filter (where model = 'shapley') as shapley
from gold.attribution_credit
where $traffic = 'all' or not is_bot
group by channel_group
order by linear desc nulls last, channel_group
