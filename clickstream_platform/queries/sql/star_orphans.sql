-- name: star_orphans
-- description: Rows of facts without their row in a dimension or another fact; all should be 0.
-- tables: gold.fact_events, gold.fact_sessions, gold.fact_transactions, gold.product_metrics_daily, gold.dim_event_types, gold.dim_users, gold.dim_products, gold.dim_date

select 'fact_events' as fact, 'dim_event_types' as dimension, count(*) as orphans
from gold.fact_events
where event_name not in (select event_name from gold.dim_event_types)
union all
select 'fact_events', 'fact_sessions', count(*)
from gold.fact_events
where session_id is not null and session_id not in (select session_id from gold.fact_sessions)
union all
select 'fact_events', 'dim_users', count(*)
from gold.fact_events
where user_id is not null and user_id not in (select user_id from gold.dim_users)
union all
select 'fact_events', 'dim_date', count(*)
from gold.fact_events
where left(event_hour, 10) not in (select event_day from gold.dim_date)
union all
select 'fact_sessions', 'fact_events', count(*)
from gold.fact_sessions
where session_id not in (select session_id from gold.fact_events where session_id is not null)
union all
select 'fact_transactions', 'fact_events', count(*)
from gold.fact_transactions as orders
where not exists (
    select 1 from gold.fact_events as events
    where events.event_hour = orders.event_hour
        and events.id_scope = orders.id_scope
        and events.event_id = orders.event_id
)
union all
select 'product_metrics_daily', 'dim_products', count(*)
from gold.product_metrics_daily
where item_id not in (select item_id from gold.dim_products)
order by fact, dimension
