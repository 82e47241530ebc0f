-- One row per rejected line, with all its reasons (as a set).
select
    judged.source,
    2::bigint as rules_version,
    judged.source_file,
    judged.source_offset,
    judged.ingest_hour,
    judged.home_hour as event_hour,
    lines.raw,
    if(verdict = 'collision', ['event_id_collision'], reasons) as reasons,
    event_id,
    event_name,
    event_timestamp,
    if(verdict = 'collision', event_fingerprint, null) as event_fingerprint,
    if(verdict = 'collision', winner.event_fingerprint, null) as winner_fingerprint
from judged
join lines on lines.source_file = judged.source_file and lines.source_offset = judged.source_offset
where verdict in ('collision', 'rejected')
