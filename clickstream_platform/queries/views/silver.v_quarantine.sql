-- One row per line that is rejected or was repaired, with its status: open, discarded or repaired.
with decided as (
    select *
    from ops.repairs
    qualify row_number() over (
        partition by source_file, source_offset order by decided_at desc
    ) = 1
)

select
    coalesce(rejected.source_file, decided.source_file) as source_file,
    coalesce(rejected.source_offset, decided.source_offset) as source_offset,
    case
        when rejected.source_file is null then 'repaired'
        when decided.action = 'discard' then 'discarded'
        else 'open'
    end as status,
    rejected.* exclude (source_file, source_offset),
    decided.action,
    decided.replacement,
    decided.fix,
    decided.author,
    decided.decided_at
from silver.quarantine as rejected
full outer join decided
    on decided.source_file = rejected.source_file
    and decided.source_offset = rejected.source_offset
where rejected.source_file is not null or decided.action = 'repair'
