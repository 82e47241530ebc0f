-- gold.fact_transactions with day and customer; `is_reported` if revenue counts the order.
select
    orders.*,
    left(orders.event_hour, 10) as event_day,
    coalesce(orders.user_id, orders.visitor_id) as customer_id,
    coalesce(orders.currency = getvariable('reporting_currency'), true) as is_reported
from gold.fact_transactions as orders
