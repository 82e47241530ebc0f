-- name: active_customers
-- description: Customers, buyers and revenue of the last hour, 24 hours and 7 days.
-- tables: gold.customer_activity_hourly
-- param: traffic = all | human

with hours as (
    select *, cast(replace(event_hour, 'T', ' ') || ':00:00+00' as timestamptz) as hour_start
    from gold.customer_activity_hourly
    where traffic = $traffic
),

newest as (select max(hour_start) as at_hour from hours)

select
    spans.last_hours,
    count(distinct hours.customer_id) as customers,
    count(distinct hours.customer_id) filter (where hours.orders > 0) as buyers,
    sum(hours.orders)::bigint as orders,
    sum(hours.revenue) as revenue
from hours
cross join newest
join (values (1), (24), (168)) as spans(last_hours)
    on hours.hour_start > newest.at_hour - spans.last_hours * interval '1 hour'
group by spans.last_hours
order by spans.last_hours
