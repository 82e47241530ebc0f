-- One row per visitor and UTC day on which it was a robot in any hour: once a robot, a robot all day.
select visitor_id, left(event_hour, 10) as event_day
from gold.bot_visitors_hourly
where is_bot
group by 1, 2
