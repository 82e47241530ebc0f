-- needs: gold.fact_sessions, gold.fact_transactions
-- One row per UTC day: sessions, visitors, orders, revenue, conversion.
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
        left(event_hour, 10)::date as day,
        currency,
        count(*) as orders,
        sum(value) as revenue,
        avg(value) as average_order_value
    from gold.fact_transactions
    group by 1, 2
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
