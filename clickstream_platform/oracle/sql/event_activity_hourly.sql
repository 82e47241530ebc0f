-- One row per hour, kind of traffic, event name and outcome.
select
    event_hour[1:10] as event_day,
    event_hour,
    traffic,
    event_name,
    outcome,
    count(*) as events,
    count(distinct visitor_id) as visitors
from silver.events
left join (
    select event_hour, visitor_id, true as is_robot from gold.bot_visitors_hourly where is_bot
) as robots using (event_hour, visitor_id)
join (values ('all', false), ('human', true)) as kinds(traffic, only_human)
    on is_robot is null or not only_human
group by all
