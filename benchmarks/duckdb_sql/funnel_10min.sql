with visits as (
    select
        event_hour, traffic, visitor_id, coalesce(user_id, visitor_id) as customer_id, event_id,
        id_scope,
        time_bucket(interval 10 minutes, event_timestamp) as window_start,
        epoch_us(event_timestamp) as us,
        list_position(['view_item', 'add_to_cart', 'begin_checkout', 'purchase'], event_name) as no
    from placed
    join kinds using (event_hour, visitor_id)
),

did as (
    select *, row_number() over (
        partition by window_start, traffic, unit, unit_id order by us, event_id, id_scope
    ) as seq
    from (
        select window_start, traffic, 'session' as unit, visitor_id as unit_id, us, no, event_id,
            id_scope
        from visits
        where no > 0
        union all
        select window_start, traffic, 'user', customer_id, us, no, event_id, id_scope
        from visits
        where no > 0
    )
),

-- A repeat of a step neither ends a strict run nor adds to it.
turns as (
    select *
    from (
        select *, lag(no) over (
            partition by window_start, traffic, unit, unit_id order by seq
        ) as before
        from did
    )
    where no is distinct from before
),

runs as (
    select window_start, traffic, unit, unit_id, us, no, lag(no) over w as one,
        lag(no, 2) over w as two, lag(no, 3) over w as three
    from turns
    window w as (partition by window_start, traffic, unit, unit_id order by seq)
),

strict as (
    select
        window_start, traffic, unit, unit_id,
        [
            min(us) filter (no = 1),
            min(us) filter (no = 2 and one = 1),
            min(us) filter (no = 3 and one = 2 and two = 1),
            min(us) filter (no = 4 and one = 3 and two = 2 and three = 1)
        ] as moments
    from runs
    group by all
),

walks as (
    select
        window_start, traffic, unit, unit_id,
        list({'no': no, 'seq': seq, 'us': us} order by seq) as walk,
        [
            min(us) filter (no = 1), min(us) filter (no = 2),
            min(us) filter (no = 3), min(us) filter (no = 4)
        ] as firsts
    from did
    group by all
),

-- In order the next step counts and all others are passed over.
to_second as (
    select *, list_filter(walk, lambda e: e.no = 1)[1] as o1 from walks
),

to_third as (
    select *, list_filter(walk, lambda e: e.no = 2 and e.seq > o1.seq)[1] as o2 from to_second
),

to_last as (
    select *, list_filter(walk, lambda e: e.no = 3 and e.seq > o2.seq)[1] as o3 from to_third
),

chosen as (
    select *, list_filter(walk, lambda e: e.no = 4 and e.seq > o3.seq)[1] as o4 from to_last
),

reached as (
    select
        window_start, traffic, unit, firsts,
        unnest([
            {'mode': 'any', 'moments': list_transform([1, 2, 3, 4], lambda n: if(
                list_count(firsts[:n]) = n, list_max(firsts[:n]), null))},
            {'mode': 'ordered', 'moments': [o1.us, o2.us, o3.us, o4.us]},
            {'mode': 'strict', 'moments': moments}
        ], recursive := true)
    from chosen
    join strict using (window_start, traffic, unit, unit_id)
),

counted as (
    select
        windows.event_hour, window_start, traffic, unit, mode, step_no, step,
        count(firsts[step_no]) as sessions_at_step,
        count(moments[step_no]) as sessions_through_step,
        avg(moments[step_no] - moments[step_no - 1]) / 1000000.0::double as mean_step_s,
        median(moments[step_no] - moments[step_no - 1]) / 1000000.0::double as median_step_s,
        median(moments[step_no] - moments[1]) filter (step_no > 1) / 1000000.0::double
            as median_total_s
    from (select distinct event_hour, window_start, traffic from visits) as windows
    cross join (values ('session'), ('user')) as units (unit)
    cross join (values ('any'), ('ordered'), ('strict')) as modes (mode)
    cross join (values
        (1::bigint, 'view_item'), (2, 'add_to_cart'), (3, 'begin_checkout'), (4, 'purchase')
    ) as steps (step_no, step)
    left join reached using (window_start, traffic, unit, mode)
    group by all
)

select
    *,
    window_start + interval 10 minutes as window_end,
    sessions_through_step / nullif(lag(sessions_through_step) over w, 0)::double as step_rate,
    sessions_through_step / nullif(first_value(sessions_through_step) over w, 0)::double
        as overall_rate
from counted
window w as (partition by window_start, traffic, unit, mode order by step_no)
