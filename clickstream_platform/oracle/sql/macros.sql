-- Building blocks of DEFINITIONS; times are microseconds since 1970, UTC.

create or replace macro hour_of(us) as strftime(make_timestamp(us), '%Y-%m-%dT%H');

create or replace macro hour_start_us(hour) as
    epoch_us(try_strptime(hour, '%Y-%m-%dT%H')::timestamp);

-- aB -> a_b, lower case, anything but letters and digits -> _, outer _ removed, empty is missing.
create or replace macro snake_case(text) as
    nullif(
        trim(
            regexp_replace(
                lower(regexp_replace(text, '(\p{Ll})(\p{Lu})', '\1_\2', 'g')),
                '[^\p{L}\p{Nd}]+', '_', 'g'
            ),
            '_'
        ),
        ''
    );

create or replace macro zone_offset_us(text) as
    case
        when regexp_matches(text, '[+-]\d{2}:\d{2}$')
        then (if(text[-6] = '-', -1, 1)
              * (text[-5:-4]::bigint * 3600 + text[-2:]::bigint * 60) * 1000000)
        else 0
    end;

-- Offsets go up to 18:00; digits beyond microseconds are cut; an impossible date is null.
create or replace macro iso8601_us(text) as
    case
        when regexp_full_match(
            text,
            '\d{4}-\d{2}-\d{2}[T ]([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})? ?'
            || '(Z|UTC|[+-](0\d|1[0-7]):[0-5]\d|[+-]18:00)?'
        ) and text[1:4] <> '0000'
        then epoch_us(try_cast(text[1:10] || ' ' || text[12:19] as timestamp))
             + rpad(regexp_extract(text, '\.(\d{1,6})', 1), 6, '0')::bigint
             - zone_offset_us(text)
    end;

-- A whole number of units since 1970, within the years 1 to 9999.
create or replace macro epoch_in_us(number, unit_us) as
    case
        when number between -62135596800000000 // unit_us and 253402300799999999 // unit_us
        then number * unit_us
    end;

create or replace macro is_ipv4(text) as
    regexp_full_match(
        text,
        '((25[0-5]|2[0-4]\d|1\d\d|0?\d?\d)\.){3}(25[0-5]|2[0-4]\d|1\d\d|0?\d?\d)'
    );

create or replace macro count_groups(text) as
    if(text = '', 0, len(string_split(text, ':')));

-- `text` is lower case; an IPv4 tail stands for two groups.
create or replace macro ipv6_prefix(text) as
    case
        when regexp_full_match(text, '[0-9a-f]{1,4}(:[0-9a-f]{1,4}){7}')
        then array_to_string(string_split(text, ':')[1:3], ':') || '::'
        when regexp_full_match(
            text,
            '([0-9a-f]{1,4}(:[0-9a-f]{1,4})*)?::([0-9a-f]{1,4}(:[0-9a-f]{1,4})*)?'
        ) and count_groups(split_part(text, '::', 1)) + count_groups(split_part(text, '::', 2)) <= 7
        then array_to_string(string_split(split_part(text, '::', 1), ':')[1:3], ':') || '::'
    end;

create or replace macro ip_anonymised_of(text) as
    case
        when is_ipv4(text) then regexp_replace(text, '\d+$', '0')
        when contains(text, ':')
        then ipv6_prefix(
            if(is_ipv4(regexp_extract(text, '[^:]*$')),
               regexp_replace(lower(text), '[^:]*$', '0:0'),
               lower(text))
        )
    end;

create or replace macro text_or_null_mark(text) as coalesce(text::varchar, '\N');

create or replace macro item_text(item) as
    concat_ws(
        chr(30),
        text_or_null_mark(item.item_id),
        text_or_null_mark(item.item_name),
        text_or_null_mark(item.item_brand),
        text_or_null_mark(item.item_category),
        text_or_null_mark(item.price),
        text_or_null_mark(item.quantity)
    );

create or replace macro names_of(flags) as list_sort(list_filter(flags, lambda name: name is not null));

-- The complementary error function, Abramowitz and Stegun 7.1.26, for x >= 0.
create or replace macro erfc_as(x) as
    least(
        1.0,
        (
            0.254829592 / (1 + 0.3275911 * x)
            - 0.284496736 / (1 + 0.3275911 * x) ** 2
            + 1.421413741 / (1 + 0.3275911 * x) ** 3
            - 1.453152027 / (1 + 0.3275911 * x) ** 4
            + 1.061405429 / (1 + 0.3275911 * x) ** 5
        ) * exp(-(x ** 2))
    )::double;

create or replace macro p_of(z) as if(z is null, null, erfc_as(abs(z) / sqrt(2)));
