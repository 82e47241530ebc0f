with did as (
    select
        session_id, visitor_id, event_hour, event_sequence as seq, epoch_us(event_timestamp) as us,
        list_position(['view_item', 'add_to_cart', 'begin_checkout', 'purchase'], event_name) as no
    from placed
    where session_id is not null
),

-- A repeat of a step neither ends a strict run nor adds to it.
turns as (
    select *
    from (
        select *, lag(no) over (partition by session_id order by seq) as before
        from did
        where no > 0
    )
    where no is distinct from before
),

runs as (
    select session_id, us, no, lag(no) over w as one, lag(no, 2) over w as two,
        lag(no, 3) over w as three
    from turns
    window w as (partition by session_id order by seq)
),

strict as (
    select
        session_id,
        [
            min(us) filter (no = 1),
            min(us) filter (no = 2 and one = 1),
            min(us) filter (no = 3 and one = 2 and two = 1),
            min(us) filter (no = 4 and one = 3 and two = 2 and three = 1)
        ] as moments
    from runs
    group by session_id
),

walks as (
    select
        session_id,
        visitor_id,
        min(event_hour) as event_hour,
        list({'no': no, 'seq': seq, 'us': us} order by seq) filter (no > 0) as walk,
        [
            min(us) filter (no = 1), min(us) filter (no = 2),
            min(us) filter (no = 3), min(us) filter (no = 4)
        ] as firsts
    from did
    group by session_id, visitor_id
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
        event_hour,
        visitor_id,
        unnest([
            {'mode': 'any', 'moments': list_transform([1, 2, 3, 4], lambda n: if(
                list_count(firsts[:n]) = n, list_max(firsts[:n]), null))},
            {'mode': 'ordered', 'moments': [o1.us, o2.us, o3.us, o4.us]},
            {'mode': 'strict', 'moments': moments}
        ], recursive := true)
    from chosen
    left join strict using (session_id)
),

counted as (
    select
        event_hour, traffic, mode, step_no, step,
        count(moments[step_no]) as sessions,
        avg(moments[step_no] - moments[step_no - 1]) / 1000000.0::double as mean_step_s,
        median(moments[step_no] - moments[step_no - 1]) / 1000000.0::double as median_step_s,
        median(moments[step_no] - moments[1]) filter (step_no > 1) / 1000000.0::double
            as median_total_s
    from reached
    join kinds using (event_hour, visitor_id)
    cross join (values
        (1::bigint, 'view_item'), (2, 'add_to_cart'), (3, 'begin_checkout'), (4, 'purchase')
    ) as steps (step_no, step)
    group by all
)

select
    *,
    sessions / nullif(lag(sessions) over w, 0)::double as step_rate,
    sessions / nullif(first_value(sessions) over w, 0)::double as overall_rate
from counted
window w as (partition by event_hour, traffic, mode order by step_no)
