-- Every line with its verdict: accepted, duplicate, collision or rejected; and the line that won.
-- Reads `canonical`. Candidates share (id_scope, event_id, home_hour).
with winners as (
    select
        *,
        first_value({
            'event_timestamp': event_timestamp, 'event_fingerprint': event_fingerprint,
            'source_file': source_file, 'source_offset': source_offset, 'visitor_id': visitor_id
        }) over (
            partition by id_scope, event_id, home_hour
            order by event_timestamp, event_fingerprint, source_file, source_offset
            rows between unbounded preceding and unbounded following
        ) as winner
    from canonical
    where len(reasons) = 0
)

select
    *,
    case
        when event_fingerprint <> winner.event_fingerprint then 'collision'
        when source_file = winner.source_file and source_offset = winner.source_offset
        then 'accepted'
        else 'duplicate'
    end as verdict,
    -- Other payloads under the same id by the same visitor.
    count(*) filter (
        event_fingerprint <> winner.event_fingerprint
        and visitor_id is not distinct from winner.visitor_id
    ) over (partition by id_scope, event_id, home_hour) as reused_id_lines
from winners
union all by name
select *, 'rejected' as verdict from canonical where len(reasons) > 0
