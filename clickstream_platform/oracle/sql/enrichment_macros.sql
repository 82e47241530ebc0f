-- Building blocks of DEFINITIONS, Enrichment; reads `agent_part` and `standard_word`.

-- A-Z alone, so that every engine agrees.
create or replace macro lower_ascii(text) as
    translate(text, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz');

create or replace macro has_authority(text) as
    regexp_matches(text, '^([A-Za-z][A-Za-z0-9+.-]*:)?//');

create or replace macro valid_host(host) as
    if(regexp_full_match(host, '[a-z0-9._\x{80}-\x{10FFFF}-]+') and length(host) <= 253, host, null);

create or replace macro host_of_url(text) as
    if(
        has_authority(text),
        valid_host(rtrim(lower_ascii(regexp_replace(
            regexp_replace(
                regexp_extract(text, '^(?:[A-Za-z][A-Za-z0-9+.-]*:)?//([^/?#\\]*)', 1),
                '(?s)^.*@', ''
            ),
            ':[0-9]*$', ''
        )), '.')),
        null
    );

create or replace macro host_of_bare(text) as
    if(
        not has_authority(text) and regexp_full_match(
            text,
            '(?s)[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}(:[0-9]+)?([/?#].*)?'
        ),
        valid_host(lower_ascii(regexp_extract(text, '^[A-Za-z0-9.-]+'))),
        null
    );

create or replace macro path_of(text) as
    case
        when has_authority(text)
        then coalesce(nullif(regexp_extract(
            text, '^(?:[A-Za-z][A-Za-z0-9+.-]*:)?//[^/?#\\]*([^?#]*)', 1), ''), '/')
        when starts_with(text, '/') then regexp_extract(text, '^[^?#]*')
    end;

create or replace macro is_same_site(one, other) as
    coalesce(
        regexp_replace(one, '^www\.', '') = regexp_replace(other, '^www\.', '')
        or ends_with(regexp_replace(one, '^www\.', ''), '.' || regexp_replace(other, '^www\.', ''))
        or ends_with(regexp_replace(other, '^www\.', ''), '.' || regexp_replace(one, '^www\.', '')),
        false
    );

create or replace macro without_version(name) as
    nullif(regexp_replace(name, '[ /]v?[0-9][0-9.]*$', ''), '');

create or replace macro parts_of(wanted) as
    (select list(part) from agent_part where kind = wanted);

create or replace macro holds(text, parts) as
    list_bool_or(list_transform(parts, lambda part: contains(text, part)));

create or replace macro standard_of(wanted, text) as
    (select any_value(standard) from standard_word where kind = wanted and word = text);
