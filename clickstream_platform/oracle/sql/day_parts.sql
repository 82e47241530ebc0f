-- Sessions and orders with their day and customer; orders also with whether they are reported.
-- Made as two tables, `gold.day_sessions` and `gold.day_orders`.
create or replace table gold.day_sessions as
select *, event_hour[1:10] as event_day, coalesce(user_id, visitor_id) as customer_id
from gold.fact_sessions;

create or replace table gold.day_orders as
select
    orders.*,
    event_hour[1:10] as event_day,
    coalesce(user_id, visitor_id) as customer_id,
    coalesce(currency, reporting_currency) = reporting_currency as is_reported
from gold.fact_transactions as orders
cross join setting
