-- Sessions and orders with their day and customer, and whether their visitor is a robot in an hour
-- of that day; orders also with whether they are reported. Made as tables: `gold.day_robots`,
-- `gold.day_sessions`, `gold.day_orders`, and `gold.traffics`, the kinds of traffic to count by.
create or replace table gold.traffics as
from (values ('all', false), ('human', true)) as traffics(traffic, leaves_robots_out);

create or replace table gold.day_robots as
select distinct event_hour[1:10] as event_day, visitor_id
from gold.bot_visitors_hourly
where is_bot;

create or replace table gold.day_sessions as
select
    *,
    event_hour[1:10] as event_day,
    coalesce(user_id, visitor_id) as customer_id,
    exists (
        select 1 from gold.day_robots as robots
        where robots.event_day = sessions.event_hour[1:10]
            and robots.visitor_id = sessions.visitor_id
    ) as is_bot
from gold.fact_sessions as sessions;

create or replace table gold.day_orders as
select
    orders.*,
    event_hour[1:10] as event_day,
    coalesce(user_id, visitor_id) as customer_id,
    coalesce(currency, reporting_currency) = reporting_currency as is_reported,
    exists (
        select 1 from gold.day_robots as robots
        where robots.event_day = orders.event_hour[1:10]
            and robots.visitor_id = orders.visitor_id
    ) as is_bot
from gold.fact_transactions as orders
cross join setting
