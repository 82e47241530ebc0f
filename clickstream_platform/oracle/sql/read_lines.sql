-- Every line with the bytes that are read: a repaired line's replacement, which is not damaged.
-- Reads `lines` and `ops.repairs`.
with decided as (
    select source_file, source_offset, arg_max(action, decided_at) as action,
        arg_max(replacement, decided_at) as replacement
    from ops.repairs
    group by source_file, source_offset
)

select
    lines.* replace (
        coalesce(replacement, raw) as raw,
        if(replacement is null, damage, null) as damage
    )
from lines
left join decided
    on decided.source_file = lines.source_file
    and decided.source_offset = lines.source_offset
    and decided.action = 'repair'
