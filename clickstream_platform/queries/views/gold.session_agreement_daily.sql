-- One row per UTC day with events of a session of ours and one of the tracker: of the pairs of
-- events of the day that share a session, how many do so in ours, in theirs, and in both.
with cells as (
    -- The columns that differ most come first: a server that sorts to group compares few of the rest.
    select session_id, client_session_id, left(event_hour, 10) as event_day, count(*) as n
    from gold.fact_events
    where session_id is not null and client_session_id is not null
    group by 1, 2, 3
),

both_sides as (
    select event_day, sum(n) as events, sum(n * (n - 1) / 2) as pairs
    from cells
    group by event_day
),

ours as (
    select event_day, sum(n * (n - 1) / 2) as pairs
    from (select event_day, session_id, sum(n)::bigint as n from cells group by 1, 2) as of_session
    group by event_day
),

theirs as (
    select event_day, sum(n * (n - 1) / 2) as pairs
    from (select event_day, client_session_id, sum(n)::bigint as n from cells group by 1, 2) as of_session
    group by event_day
)

select
    both_sides.event_day,
    both_sides.events::bigint as events,
    both_sides.pairs::bigint as pairs_both,
    ours.pairs::bigint as pairs_ours,
    theirs.pairs::bigint as pairs_theirs,
    both_sides.pairs::double precision / nullif(ours.pairs, 0) as precision_rate,
    both_sides.pairs::double precision / nullif(theirs.pairs, 0) as recall_rate,
    both_sides.pairs::double precision / nullif(ours.pairs + theirs.pairs - both_sides.pairs, 0) as agreement
from both_sides
join ours on ours.event_day = both_sides.event_day
join theirs on theirs.event_day = both_sides.event_day
