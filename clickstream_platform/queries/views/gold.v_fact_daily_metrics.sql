-- gold.fact_daily_metrics with the customers first seen that day, the change in a week, and the
-- customers seen before (last, so that a published view only grows).
select
    days.*,
    coalesce(newcomers.new_users, 0) as new_users,
    days.revenue - before.revenue as revenue_change_in_a_week,
    days.sessions - before.sessions as sessions_change_in_a_week,
    greatest(days.active_users - coalesce(newcomers.new_users, 0), 0) as recurring_users
from gold.fact_daily_metrics as days
left join gold.fact_daily_metrics as before
    on before.traffic = days.traffic and before.event_date = days.event_date - 7
left join (
    select
        traffic, cast(first_seen_at at time zone 'UTC' as date) as event_date, count(*) as new_users
    from gold.dim_user_metrics
    group by 1, 2
) as newcomers
    on newcomers.event_date = days.event_date and newcomers.traffic = days.traffic
