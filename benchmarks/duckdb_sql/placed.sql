-- Every accepted event with its session, its place in it, and whether it opens an order.
with gaps as (
    select
        *,
        coalesce(visitor_id, chr(0) || event_id) as who,
        epoch_us(event_timestamp) as us,
        epoch_us(event_timestamp) - lag(epoch_us(event_timestamp)) over of_visitor as gap
    from events
    window of_visitor as (
        partition by coalesce(visitor_id, chr(0) || event_id)
        order by event_timestamp, event_id, id_scope
    )
),

chains as (
    select
        *,
        max(if(gap is null or gap > 1800000000, us, null)) over (
            partition by who order by event_timestamp, event_id, id_scope
            rows between unbounded preceding and current row
        ) as chain_start
    from gaps
),

cuts as (
    select
        *,
        if(row_number() over of_session = 1 or visitor_id is null, null, gap) as within_us,
        first_value(event_id) over of_session as opening_id,
        first_value(id_scope) over of_session as opening_scope,
        first_value(event_hour) over of_session as opening_hour,
        row_number() over of_session as sequence
    from chains
    window of_session as (
        partition by who, chain_start, (us - chain_start) // 86400000000
        order by event_timestamp, event_id, id_scope
    )
),

bought as (
    select
        event_hour, event_id,
        coalesce(epoch_us(event_timestamp) - lag(epoch_us(event_timestamp)) over of_order
            <= 2592000000000, false) and transaction_id is not null as is_repeat
    from events
    where event_name = 'purchase'
    window of_order as (
        partition by id_scope, transaction_id, coalesce(user_id, visitor_id, '')
        order by event_timestamp, event_id, id_scope
    )
)

select
    cuts.* exclude (who, us, gap, chain_start, opening_id, opening_scope, opening_hour, sequence),
    if(visitor_id is null, null,
       md5(concat_ws(chr(31), visitor_id, opening_scope, opening_id, opening_hour))) as session_id,
    if(visitor_id is null, null, sequence) as event_sequence,
    coalesce(not is_repeat, false) as is_order
from cuts
left join bought using (event_hour, event_id)
