-- Every line with its verdict: accepted, duplicate, collision or rejected; and the line that won.
-- Reads `canonical`. Candidates share (id_scope, event_id, home_hour); a line with a repaired clock
-- loses to those of its id in the hour before that were repaired too.
with good as (
    select
        *,
        {
            'event_timestamp': event_timestamp, 'event_fingerprint': event_fingerprint,
            'source_file': source_file, 'source_offset': source_offset, 'visitor_id': visitor_id
        } as own_place
    from canonical
    where len(reasons) = 0
),

rivals as (
    select id_scope, event_id, strftime(
            strptime(home_hour, '%Y-%m-%dT%H') + interval 1 hour, '%Y-%m-%dT%H'
        ) as home_hour,
        min(own_place) as rival
    from good
    where is_clock_repaired
    group by all
),

met as (
    select good.*, if(good.is_clock_repaired, rivals.rival, null) as rival
    from good
    left join rivals
        on rivals.id_scope = good.id_scope and rivals.event_id = good.event_id
        and rivals.home_hour = good.home_hour
),

winners as (
    select
        * exclude (rival, own_place),
        rival is null as competes,
        coalesce(rival, first_value(own_place) over (
            partition by id_scope, event_id, home_hour, rival is null
            order by event_timestamp, event_fingerprint, source_file, source_offset
            rows between unbounded preceding and unbounded following
        )) as winner
    from met
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
    ) over (partition by id_scope, event_id, home_hour, competes) as reused_id_lines
from winners
union all by name
select *, 'rejected' as verdict from canonical where len(reasons) > 0
