-- needs: gold.fact_sessions, gold.v_orders
-- One row per UTC day: sessions, visitors and conversion; orders and revenue in the reporting currency.
with days as (
    select
        left(event_hour, 10)::date as day,
        count(*) as sessions,
        count(distinct visitor_id) as visitors,
        avg((is_engaged)::int) as engagement_rate,
        avg((purchases > 0)::int) as conversion_rate
    from gold.fact_sessions
    group by 1
),

sales as (
    select
        event_day::date as day,
        max(currency) as currency,
        count(*) as orders,
        sum(value) as revenue,
        avg(value) as average_order_value
    from gold.v_orders
    where is_reported
    group by 1
)

select
    day,
    days.sessions,
    days.visitors,
    days.engagement_rate,
    days.conversion_rate,
    sales.currency,
    coalesce(sales.orders, 0) as orders,
    coalesce(sales.revenue, 0) as revenue,
    sales.average_order_value
from days
full join sales using (day)
