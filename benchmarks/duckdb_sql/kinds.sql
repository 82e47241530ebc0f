-- The kinds of traffic that each hour's visitors belong to; nobody is human too.
select event_hour, visitor_id, unnest(if(is_robot, ['all'], ['all', 'human'])) as traffic
from (
    select event_hour, visitor_id, coalesce(bool_or(is_bot), false) as is_robot
    from (
        select distinct event_hour, visitor_id from placed
    )
    left join bot_visitors_hourly using (event_hour, visitor_id)
    where visitor_id is not null
    group by all
)
union all
select event_hour, null, unnest(['all', 'human']) from (select distinct event_hour from placed)
