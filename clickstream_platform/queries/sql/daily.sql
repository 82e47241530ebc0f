-- name: daily
-- description: Each day's sessions, customers, conversion, carts and revenue; robots left out.
-- tables: gold.v_fact_daily_metrics
-- metrics: sessions, active_users, engagement_rate, bounce_rate, conversion_rate, cart_abandonment_rate, orders, revenue, average_order_value, revenue_per_session
-- param: traffic = human | all

select
    event_day, sessions, active_users, new_users, recurring_users, engagement_rate, bounce_rate,
    conversion_rate, cart_abandonment_rate, orders, revenue, average_order_value, revenue_per_session
from gold.v_fact_daily_metrics
where traffic = $traffic
order by event_day
