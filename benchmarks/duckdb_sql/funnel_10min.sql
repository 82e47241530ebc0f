with units as (
    select
        event_hour, visitor_id,
        time_bucket(interval 10 minutes, event_timestamp) as window_start,
        [
            min(epoch_us(event_timestamp)) filter (event_name = 'view_item'),
            min(epoch_us(event_timestamp)) filter (event_name = 'add_to_cart'),
            min(epoch_us(event_timestamp)) filter (event_name = 'begin_checkout'),
            min(epoch_us(event_timestamp)) filter (event_name = 'purchase')
        ] as firsts
    from placed
    where visitor_id is not null
    group by event_hour, window_start, visitor_id
),

done as (
    select
        event_hour, window_start, traffic, step_no, step,
        firsts[1] as start_us,
        firsts[step_no] as here_us,
        list_max(firsts[:step_no - 1]) as before_us,
        if(list_count(firsts[:step_no]) = step_no, list_max(firsts[:step_no]), null) as through_us
    from units
    join kinds using (event_hour, visitor_id)
    cross join (values
        (1::bigint, 'view_item'), (2, 'add_to_cart'), (3, 'begin_checkout'), (4, 'purchase')
    ) as steps (step_no, step)
),

counted as (
    select
        event_hour, window_start, traffic, step_no, step,
        count(here_us) as sessions_at_step,
        count(through_us) as sessions_through_step,
        avg(through_us - before_us) / 1000000.0::double as mean_step_s,
        median(through_us - before_us) / 1000000.0::double as median_step_s,
        median(through_us - start_us) filter (step_no > 1) / 1000000.0::double as median_total_s
    from done
    group by all
)

select
    *,
    window_start + interval 10 minutes as window_end,
    sessions_through_step / nullif(lag(sessions_through_step) over w, 0)::double as step_rate,
    sessions_through_step / nullif(first_value(sessions_through_step) over w, 0)::double
        as overall_rate
from counted
window w as (partition by window_start, traffic order by step_no)
