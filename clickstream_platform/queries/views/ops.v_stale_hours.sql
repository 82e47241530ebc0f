-- One row per silver or gold table and hour that is not up to date with its input, or held back.
with state as (
    select *
    from ops.v_hour_state
    where length(hour) = 13
),

received as (select * from state where "table" = 'bronze/events'),

judged as (select * from state where "table" like 'silver/%'),

accepted as (select * from state where "table" = 'silver/events'),

built as (select * from state where "table" like 'gold/%'),

-- Each hour with every hour it is made from: equal keys can be joined by hashing, and a lake of
-- years has millions of pairs of hours.
made_from as (
    select
        "table",
        hour,
        input_version,
        unnest(
            range(
                strptime(reach_from, '%Y-%m-%dT%H'),
                strptime(reach_to, '%Y-%m-%dT%H') + interval 1 hour,
                interval 1 hour
            )
        ) as input_start
    from state
    where "table" like 'silver/%' or "table" like 'gold/%'
),

inputs as (
    select
        "table",
        hour,
        input_version,
        strftime(input_start, '%Y-%m-%dT%H') as input_hour
    from made_from
    union all
    select
        "table",
        hour,
        input_version,
        unnest(linked_hours)
    from built
)

select
    tables."table",
    received.hour
from (select distinct "table" from judged) as tables
cross join received
left join judged on judged."table" = tables."table" and judged.hour = received.hour
where judged.hour is null
union
select
    "table",
    hour
from state
where
    (is_stale or blocked_by is not null)
    and (
        "table" like 'gold/%'
        or ("table" like 'silver/%' and hour in (select received.hour from received))
    )
union
select
    inputs."table",
    inputs.hour
from inputs
inner join received on inputs.input_hour = received.hour
where
    inputs."table" like 'silver/%'
    and received.version > inputs.input_version
    and inputs.hour in (select arrived.hour from received as arrived)
union
select
    inputs."table",
    inputs.hour
from inputs
inner join accepted on inputs.input_hour = accepted.hour
where inputs."table" like 'gold/%' and accepted.version > inputs.input_version
union
select
    tables."table",
    accepted.hour
from (select distinct "table" from built) as tables
cross join accepted
left join built on built."table" = tables."table" and built.hour = accepted.hour
where accepted.row_count > 0 and built.hour is null
