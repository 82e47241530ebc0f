-- Every event with a visitor: its session and its place in it.
with gaps as (
    select
        visitor_id, id_scope, event_id, event_hour, epoch_us(event_timestamp) as us,
        lag(epoch_us(event_timestamp)) over visits as before_us
    from silver.events
    where visitor_id is not null
    window visits as (partition by visitor_id order by event_timestamp, event_id, id_scope)
),

chains as (
    select
        gaps.*,
        max(if(before_us is null or us - before_us > setting.idle_s * 1000000, us, null)) over (
            partition by visitor_id
            order by us, event_id, id_scope
            rows between unbounded preceding and current row
        ) as chain_us
    from gaps
    cross join setting
),

parts as (
    select chains.*, (us - chain_us) // (setting.cap_s * 1000000) as part
    from chains
    cross join setting
)

select
    event_hour, id_scope, event_id,
    md5(concat_ws(
        chr(31), visitor_id, first_value(id_scope) over session, first_value(event_id) over session
    )) as session_id,
    row_number() over session as event_sequence
from parts
window session as (
    partition by visitor_id, chain_us, part
    order by us, event_id, id_scope
    rows between unbounded preceding and current row
)
