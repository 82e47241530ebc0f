-- One row per distinct referrer or campaign source: its host and the listed source it belongs to.
-- Reads `visit`, `listed_domain`, `listed_word` and `no_referrer`.
with seen as (
    select distinct text
    from (
        select page_referrer as text from visit
        union all
        select lower_ascii(source_text) from visit
    )
    where text is not null
),

hosts as (
    select text, coalesce(host_of_url(text), host_of_bare(text)) as host from seen
),

-- Every ending of the host at a dot; its country, of one label or of two, may be a star.
endings as (
    select
        text,
        array_to_string(labels[start:], '.') as ending
    from (
        select text, string_split(host, '.') as labels, unnest(range(1, len(string_split(host, '.')) + 1)) as start
        from hosts
        where host is not null
    )
),

candidates as (
    select text, ending as domain from endings
    union all
    select text, regexp_replace(ending, '\.[a-z]+$', '.*') from endings
    union all
    select text, regexp_replace(ending, '\.com?\.[a-z]{2}$', '.*') from endings
),

by_domain as (
    select text, arg_max(listed_domain.source, length(candidates.domain)) as source
    from candidates
    join listed_domain on listed_domain.domain = candidates.domain
    group by text
)

select
    hosts.text,
    host,
    coalesce(if(host is null, listed_word.source, null), by_domain.source) as referring_source,
    coalesce(listed_word.source, by_domain.source) as named_source,
    no_referrer.word is not null and host is null as is_nobody
from hosts
left join by_domain on by_domain.text = hosts.text
left join listed_word on listed_word.word = lower_ascii(hosts.text)
left join no_referrer on no_referrer.word = lower_ascii(hosts.text)
