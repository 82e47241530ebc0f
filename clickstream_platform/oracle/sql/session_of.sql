-- Every event with a visitor: its session and its place in it.
with gaps as (
    select
        visitor_id, id_scope, event_id, event_hour, epoch_us(event_timestamp) as us,
        if(
            coalesce(mkt_source, mkt_medium, mkt_campaign) is null,
            null,
            {'source': mkt_source, 'medium': mkt_medium, 'name': mkt_campaign}
        ) as campaign,
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

-- The campaign by which the visitor was known in the chain until the event.
arrivals as (
    select
        chains.*,
        row_number() over in_chain as place,
        last_value(campaign ignore nulls) over (
            in_chain rows between unbounded preceding and 1 preceding
        ) as known_campaign
    from chains
    window in_chain as (partition by visitor_id, chain_us order by us, event_id, id_scope)
),

legs as (
    select
        arrivals.*,
        sum(
            (
                setting.campaign_cut
                and place > 1
                and campaign is not null
                and campaign is distinct from known_campaign
            )::int
        ) over (
            partition by visitor_id, chain_us order by us, event_id, id_scope
            rows between unbounded preceding and current row
        ) as leg
    from arrivals
    cross join setting
),

parts as (
    select
        legs.*,
        (us - min(us) over (partition by visitor_id, chain_us, leg)) // (setting.cap_s * 1000000)
            as part
    from legs
    cross join setting
)

select
    event_hour, id_scope, event_id,
    md5(concat_ws(
        chr(31), visitor_id, first_value(id_scope) over session,
        first_value(event_id) over session, first_value(event_hour) over session
    )) as session_id,
    row_number() over session as event_sequence
from parts
window session as (
    partition by visitor_id, chain_us, leg, part
    order by us, event_id, id_scope
    rows between unbounded preceding and current row
)
