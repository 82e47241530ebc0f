-- One row per repeated line, with the line that survived.
select
    source,
    source_file,
    source_offset,
    ingest_hour,
    home_hour as event_hour,
    id_scope,
    event_id,
    event_timestamp,
    event_fingerprint,
    winner.source_file as accepted_source_file,
    winner.source_offset as accepted_source_offset
from judged
where verdict = 'duplicate'
