-- One row per silver or gold table and hour that is not up to date with its input, or held back.
with state as (
    select *
    from ops.v_hour_state
    where length(hour) = 13
),

received as (select * from state where "table" = 'bronze/events'),

judged as (select * from state where "table" like 'silver/%'),

accepted as (select * from state where "table" = 'silver/events'),

built as (select * from state where "table" like 'gold/%')

select
    tables."table",
    received.hour
from (select distinct "table" from judged) as tables
cross join received
left join judged on judged."table" = tables."table" and judged.hour = received.hour
where
    judged.hour is null
    or judged.is_stale
    or judged.blocked_by is not null
    or exists (
        select 1
        from received as reaching
        where
            reaching.version > judged.input_version
            and reaching.hour between judged.reach_from and judged.reach_to
    )
union
select
    built."table",
    built.hour
from built
where
    built.is_stale
    or built.blocked_by is not null
    or exists (
        select 1
        from accepted
        where
            accepted.version > built.input_version
            and (
                accepted.hour between built.reach_from and built.reach_to
                or list_contains(built.linked_hours, accepted.hour)
            )
    )
union
select
    tables."table",
    accepted.hour
from (select distinct "table" from built) as tables
cross join accepted
left join built on built."table" = tables."table" and built.hour = accepted.hour
where accepted.row_count > 0 and built.hour is null
