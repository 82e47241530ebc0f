-- gold.session_states with the customer, the day, and whether the visitor was a robot that day.
select
    sessions.*,
    coalesce(sessions.user_id, sessions.visitor_id) as customer_id,
    left(sessions.event_hour, 10) as event_day,
    coalesce(robots.is_bot, false) as is_bot
from gold.session_states as sessions
left join (
    select distinct visitor_id, left(event_hour, 10) as event_day, is_bot
    from gold.bot_visitors_hourly
    where is_bot
) as robots
    on robots.visitor_id = sessions.visitor_id
    and robots.event_day = left(sessions.event_hour, 10)
