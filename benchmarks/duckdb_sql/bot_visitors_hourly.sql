with minutes as (
    select
        event_hour, visitor_id, date_trunc('minute', event_timestamp) as minute,
        count(*) as in_minute,
        count(*) filter (is_order) as ordered,
        min(epoch_us(event_timestamp)) as first_us,
        max(epoch_us(event_timestamp)) as last_us,
        bool_or(is_declared_bot) as declared,
        max(reused_id_lines) as reused,
        bool_or(coalesce(regexp_matches(
            lower(user_agent), 'headless|phantomjs|selenium|puppeteer|playwright'), false))
            as headless
    from placed
    where visitor_id is not null
    group by all
),

visitors as (
    select
        event_hour, visitor_id,
        sum(in_minute)::bigint as events,
        sum(ordered)::bigint as orders,
        max(in_minute)::bigint as max_events_per_minute,
        ((max(last_us) - min(first_us)) / 1000000.0::double)
            / nullif(sum(in_minute) - 1, 0)::double as mean_gap_s,
        bool_or(declared) as declared,
        max(reused)::bigint as max_reused_id_lines,
        bool_or(headless) as headless
    from minutes
    group by event_hour, visitor_id
),

signed as (
    select
        *,
        list_filter([
            if(max_events_per_minute > 50, 'burst', null),
            if(orders > 4, 'card_testing', null),
            if(declared, 'declared_bot', null),
            if(headless, 'headless', null),
            if(max_reused_id_lines >= 10, 'id_reuse', null),
            if(events >= 20 and mean_gap_s < 2, 'no_dwell', null)
        ], lambda name: name is not null) as bot_signals
    from visitors
)

select
    * exclude (declared, headless),
    least(
        0.0::double + list_contains(bot_signals, 'burst')::int * 0.6::double
        + list_contains(bot_signals, 'card_testing')::int * 0.6::double
        + list_contains(bot_signals, 'declared_bot')::int * 1.0::double
        + list_contains(bot_signals, 'headless')::int * 0.8::double
        + list_contains(bot_signals, 'id_reuse')::int * 0.6::double
        + list_contains(bot_signals, 'no_dwell')::int * 0.6::double, 1.0::double) as bot_score,
    bot_score >= 0.5 as is_bot
from signed
where len(bot_signals) > 0
