-- name: touchpoints
-- description: Campaigns by orders they opened, closed and assisted, and revenue owed to them.
-- tables: gold.attribution_credit
-- param: model = markov | first_touch | last_touch | linear | position_based | time_decay | shapley
-- param: limit = 20

select
    channel_group,
    mkt_source,
    mkt_campaign,
    count(distinct conversion_id) as orders_touched,
    coalesce(sum(credit) filter (where model = 'first_touch'), 0) as opened,
    coalesce(sum(credit) filter (where model = 'last_touch'), 0) as closed,
    count(distinct conversion_id) - coalesce(sum(credit) filter (where model = 'last_touch'), 0)
        as assisted,
    coalesce(sum(credited_value) filter (where model = $model), 0) as revenue
from gold.attribution_credit
group by channel_group, mkt_source, mkt_campaign
order by revenue desc, channel_group, mkt_source nulls last, mkt_campaign nulls last
limit $limit
