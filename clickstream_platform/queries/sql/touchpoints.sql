-- name: touchpoints
-- description: Campaigns by orders they opened, closed and assisted, and revenue owed to them.
-- tables: gold.attribution_credit
-- param: model = markov | first_touch | last_touch | linear | position_based | time_decay | shapley
-- param: traffic = all | human
-- param: limit = 20

select
    channel_group,
    mkt_source,
    mkt_campaign,
    count(distinct conversion_id) as orders_touched,
    coalesce(sum(credit) filter (where model = 'first_touch'), 0)::bigint as opened,
    coalesce(sum(credit) filter (where model = 'last_touch'), 0)::bigint as closed,
    (count(distinct conversion_id)
        - coalesce(sum(credit) filter (where model = 'last_touch'), 0))::bigint as assisted,
    coalesce(sum(credited_value) filter (where model = $model), 0) as revenue
from gold.attribution_credit
where $traffic = 'all' or not is_bot
group by channel_group, mkt_source, mkt_campaign
order by revenue desc, channel_group, mkt_source nulls last, mkt_campaign nulls last
limit $limit
