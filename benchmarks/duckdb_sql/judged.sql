-- Every line with its event's columns, the reasons to reject it, and its verdict.
with typed as (
    select
        lines.* exclude (event_id, user_id, anonymous_id, session_id, price, quantity, currency),
        home_hour as event_hour,
        source as id_scope,
        lines.event_id, lines.user_id, anonymous_id, session_id as client_session_id,
        price as price_text, quantity as quantity_text,
        case
            when event_type = 'product_view' then 'view_item'
            when event_type = 'product_click' then 'select_item'
            when list_contains($known, event_type) then event_type
            else nullif(trim(regexp_replace(
                lower(regexp_replace(event_type, '(\p{Ll}|\p{N})(\p{Lu})', '\1_\2', 'g')),
                '[^\p{L}\p{N}]+', '_', 'g'), '_'), '')
        end as event_name,
        if(regexp_full_match(price, '[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?'),
           try_cast(price as decimal(12, 2)), null) as price,
        if(regexp_full_match(quantity, '[+-]?\d+(\.0*)?'),
           try_cast(regexp_replace(quantity, '\.0*$', '') as bigint), null) as quantity,
        upper(currency) as currency,
        if(regexp_full_match(ip_address, '(\d{1,3}\.){3}\d{1,3}'),
           regexp_replace(ip_address, '\d+$', '0'), null) as ip_anonymised,
        coalesce(anonymous_id, lines.user_id, session_id) as visitor_id,
        agents.* exclude (user_agent), visits.* exclude (page_url, referrer)
    from lines
    left join agents on agents.user_agent is not distinct from lines.user_agent
    left join visits
        on visits.page_url is not distinct from lines.page_url
        and visits.referrer is not distinct from lines.referrer
),

valued as (
    select
        *,
        (price * coalesce(quantity, 1)::decimal(18, 0))::decimal(12, 2) as value,
        if(coalesce(product_id, category, price_text, quantity_text) is null, [], [{
            'item_id': product_id, 'item_name': null::varchar, 'item_brand': null::varchar,
            'item_category': category, 'price': price, 'quantity': quantity
        }]) as items,
        coalesce(price > 500, false) as is_high_value,
        price_text is not null and price is null as lost_price,
        quantity_text is not null and quantity is null as lost_quantity
    from typed
),

ruled as (
    select
        *,
        case
            when not is_utf8 then ['invalid_utf8']
            when not is_whole then ['malformed_line']
            else list_filter([
                if(time_text is null, 'missing_event_timestamp', null),
                if(time_text is not null and event_timestamp is null,
                   'unparsable_event_timestamp', null),
                if(event_timestamp >= latest, 'future_event', null),
                if(event_timestamp < '2019-01-01T00:00:00Z'::timestamptz,
                   'before_first_hour', null),
                if(event_id is null, 'missing_event_id', null),
                if(event_name is null, 'missing_event_name', null),
                if(price < 0, 'negative_price', null),
                if(quantity < 1, 'quantity_below_one', null),
                if(event_name = 'purchase' and product_id is null,
                   'purchase_without_product', null),
                if(event_name = 'purchase' and value is null, 'purchase_without_value', null)
            ], lambda name: name is not null)
        end as broken,
        list_filter([
            if(visitor_id is null, 'no_visitor', null),
            if(not list_contains($known, event_name), 'unknown_event_name', null),
            if(lost_price, 'unparsable_price', null),
            if(lost_quantity, 'unparsable_quantity', null),
            if(not regexp_full_match(currency, '[A-Z]{3}'), 'currency_pattern', null)
        ], lambda name: name is not null) as warnings,
        case
            when lost_price and lost_quantity
            then json_object('price', price_text, 'quantity', quantity_text)::varchar
            when lost_price then json_object('price', price_text)::varchar
            when lost_quantity then json_object('quantity', quantity_text)::varchar
        end as rescued_data,
        left(md5(concat_ws(
            chr(31),
            coalesce(event_name, '\N'),
            coalesce(epoch_us(event_timestamp)::varchar, '\N'),
            coalesce(user_id, '\N'), coalesce(anonymous_id, '\N'),
            coalesce(client_session_id, '\N'), coalesce(page_url, '\N'), coalesce(referrer, '\N'),
            coalesce(user_agent, '\N'), coalesce(ip_anonymised, '\N'),
            if(len(items) = 0, '', concat_ws(
                chr(30), coalesce(product_id, '\N'), '\N', '\N', coalesce(category, '\N'),
                coalesce(price::varchar, '\N'), coalesce(quantity::varchar, '\N'))),
            coalesce(value::varchar, '\N'), coalesce(currency, '\N'),
            coalesce(transaction_id, '\N'), '\N',
            coalesce(experiment_id, '\N'), coalesce(variant_id, '\N'),
            '\N', '\N', '\N', '\N', '\N', '\N', '\N', '\N', '\N'
        )), 16) as event_fingerprint
    from valued
),

repeated as (
    select event_hour, event_id
    from ruled
    where len(broken) = 0
    group by event_hour, event_id
    having count(*) > 1
),

placed as (
    select
        event_hour, event_id, visitor_id, event_fingerprint, source_file, source_offset,
        row_number() over first_of as place,
        first_value(event_fingerprint) over first_of as winner,
        first_value(visitor_id) over first_of as winner_visitor,
        first_value(source_file) over first_of as accepted_source_file,
        first_value(source_offset) over first_of as accepted_source_offset
    from ruled
    semi join repeated using (event_hour, event_id)
    where len(broken) = 0
    window first_of as (
        partition by event_hour, event_id
        order by event_timestamp, event_fingerprint, source_file, source_offset
    )
),

reused as (
    select
        source_file, source_offset, place, winner, accepted_source_file, accepted_source_offset,
        count(*) filter (
            event_fingerprint <> winner and visitor_id is not distinct from winner_visitor
        ) over (partition by event_hour, event_id) as reused_id_lines
    from placed
)

select
    ruled.* exclude (broken),
    coalesce(reused_id_lines, 0) as reused_id_lines,
    page_url as page_location,
    referrer as page_referrer,
    if(place > 1 and event_fingerprint <> winner, ['event_id_collision'], broken) as reasons,
    case
        when len(broken) > 0 or (place > 1 and event_fingerprint <> winner) then 'quarantined'
        when place > 1 then 'duplicate'
        else 'accepted'
    end as verdict,
    accepted_source_file,
    accepted_source_offset,
    event_timestamp::date as event_date,
    hour(event_timestamp)::integer as hour_of_day,
    dayofweek(event_timestamp) in (0, 6) as is_weekend
from ruled
left join reused using (source_file, source_offset)
