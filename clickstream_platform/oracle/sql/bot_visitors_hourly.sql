-- One row per hour and visitor with a sign of being a robot.
with minutes as (
    select event_hour, visitor_id, epoch_us(event_timestamp) // 60000000 as minute, count(*) as n
    from silver.events
    where visitor_id is not null
    group by all
),

busiest as (
    select event_hour, visitor_id, max(n) as max_events_per_minute from minutes group by all
),

ordered as (
    select event_hour, visitor_id, count(*) as orders from gold.fact_transactions group by all
),

visitors as (
    select
        event_hour,
        visitor_id,
        count(*) as events,
        (epoch_us(max(event_timestamp)) - epoch_us(min(event_timestamp))) / 1000000.0 as span_s,
        bool_or(is_declared_bot) as is_declared,
        max(reused_id_lines) as max_reused_id_lines,
        count(*) filter (
            regexp_matches(
                lower(user_agent), 'headless|phantomjs|selenium|puppeteer|playwright'
            )
        ) > 0 as is_headless
    from silver.events
    where visitor_id is not null
    group by event_hour, visitor_id
),

measured as (
    select
        visitors.*,
        max_events_per_minute,
        coalesce(orders, 0) as orders,
        if(events > 1, span_s / (events - 1), null) as mean_gap_s
    from visitors
    join busiest using (event_hour, visitor_id)
    left join ordered using (event_hour, visitor_id)
),

signed as (
    select
        *,
        names_of([
            if(max_events_per_minute > 50, 'burst', null),
            if(orders >= 5, 'card_testing', null),
            if(is_declared, 'declared_bot', null),
            if(is_headless, 'headless', null),
            if(max_reused_id_lines >= 10, 'id_reuse', null),
            if(events >= 20 and mean_gap_s < 2, 'no_dwell', null)
        ]) as bot_signals
    from measured
),

scored as (
    select
        *,
        least(
            1.0,
            0.6 * (
                list_contains(bot_signals, 'burst')::int
                + list_contains(bot_signals, 'card_testing')::int
                + list_contains(bot_signals, 'id_reuse')::int
                + list_contains(bot_signals, 'no_dwell')::int
            )
            + 0.8 * list_contains(bot_signals, 'headless')::int
            + list_contains(bot_signals, 'declared_bot')::int
        )::double as bot_score
    from signed
    where len(bot_signals) > 0
)

select
    event_hour, visitor_id, events, orders, max_events_per_minute, mean_gap_s::double as mean_gap_s,
    max_reused_id_lines,
    bot_signals, bot_score, bot_score >= 0.5 as is_bot
from scored
