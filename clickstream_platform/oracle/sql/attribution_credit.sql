-- One row per reported order, model and session that led to it.
with touches as (
    select
        orders.event_day,
        order_id,
        (orders.value * 100)::hugeint as cents,
        orders.is_bot,
        session_id,
        started_at,
        coalesce(channel_group, '(unknown)') as channel,
        mkt_source,
        mkt_campaign,
        (epoch_us(ordered_at) - epoch_us(started_at)) / 1000000.0 as age_s,
        count(session_id) over (partition by order_id) as n,
        row_number() over (partition by order_id order by started_at, session_id) as no
    from gold.day_orders as orders
    cross join setting
    left join gold.day_sessions as sessions
        on sessions.visitor_id = orders.visitor_id
        and started_at between ordered_at - to_days(look_back_days::integer) and ordered_at
    where is_reported
),

alike as (
    select order_id, channel, count(*) as of_channel from touches group by order_id, channel
),

weighed as (
    select
        touches.*,
        model,
        case
            when n = 0 then 1
            when model = 'first_touch' then (no = 1)::int
            when model = 'last_touch' then (no = n)::int
            when model = 'linear' then 1
            when model = 'markov' then removal_weight
            when model = 'shapley' then 720720 // of_channel
            when model = 'time_decay' then round(1000 * 2 ** (-age_s / 604800))
            when n <= 2 then 1
            when no in (1, n) then 4 * (n - 2)
            else 2
        end::hugeint as weight
    from touches
    cross join (
        values ('first_touch'), ('last_touch'), ('linear'), ('position_based'), ('time_decay'),
            ('markov'), ('shapley')
    ) as models(model)
    join alike on alike.order_id = touches.order_id and alike.channel = touches.channel
    left join channel_weight
        on channel_weight.event_day = touches.event_day
        and channel_weight.channel = touches.channel
),

summed as (
    select
        *,
        coalesce(sum(weight) over (
            partition by order_id, model order by no
            rows between unbounded preceding and 1 preceding
        ), 0)::hugeint as below,
        (sum(weight) over (partition by order_id, model))::hugeint as total
    from weighed
)

select
    event_day,
    order_id as conversion_id,
    model,
    if(n = 0, 0, no) as touch_no,
    session_id as touch_id,
    started_at as touched_at,
    if(n = 0, '(unattributed)', channel) as channel_group,
    mkt_source,
    mkt_campaign,
    ((
        (2000000 * (below + weight) + total) // (2 * total)
        - (2000000 * below + total) // (2 * total)
    )::decimal(18, 6) / 1000000)::decimal(7, 6) as credit,
    ((
        (2 * cents * (below + weight) + total) // (2 * total)
        - (2 * cents * below + total) // (2 * total)
    )::decimal(18, 2) / 100)::decimal(12, 2) as credited_value,
    is_bot
from summed
