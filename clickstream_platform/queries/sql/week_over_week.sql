-- name: week_over_week
-- description: Each week beside the one before: sessions, conversion, orders, revenue; no robots.
-- tables: gold.fact_daily_metrics, gold.dim_date
-- metrics: sessions, orders, revenue, conversion_rate

with weeks as (
    select
        dates.week_start,
        count(*) as days,
        sum(days.sessions)::bigint as sessions,
        sum(days.orders)::bigint as orders,
        sum(days.revenue) as revenue,
        1e0 * sum(days.converted_sessions) / nullif(sum(days.sessions), 0) as conversion_rate
    from gold.fact_daily_metrics as days
    join gold.dim_date as dates on dates.event_day = days.event_day
    where days.traffic = 'human'
    group by dates.week_start
)

select
    weeks.week_start,
    weeks.days,
    weeks.sessions,
    weeks.orders,
    weeks.revenue,
    weeks.conversion_rate,
    1e0 * weeks.sessions / nullif(before.sessions, 0) - 1 as sessions_change,
    1e0 * weeks.orders / nullif(before.orders, 0) - 1 as orders_change,
    1e0 * weeks.revenue / nullif(before.revenue, 0) - 1 as revenue_change
from weeks
left join weeks as before on before.week_start = weeks.week_start - 7
order by weeks.week_start
