-- name: attribution
-- description: Orders of the hours and their revenue by the channel it is owed to, and by model.
-- tables: gold.attribution_credit, gold.all_orders
-- param: from = min hour
-- param: to = max hour
-- param: model = all | first_touch | last_touch | linear | position_based | time_decay | markov | shapley
-- param: traffic = all | human

select
    owed.model,
    owed.channel_group,
    sum(owed.credit)::double precision as orders,
    sum(owed.credited_value) as revenue,
    count(distinct owed.conversion_id) as orders_touched
from gold.attribution_credit as owed
join gold.all_orders as orders on orders.order_id = owed.conversion_id
where orders.event_hour between $from and $to
    and $model in ('all', owed.model)
    and ($traffic = 'all' or not owed.is_bot)
group by owed.model, owed.channel_group
order by owed.model, revenue desc, owed.channel_group
