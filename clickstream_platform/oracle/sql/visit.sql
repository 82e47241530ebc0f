-- One row per distinct page, referrer and own campaign texts, with what the query says.
-- Reads `texts`, `query_value` and `click_id`.
with seen as (
    select distinct
        page_location, page_referrer,
        mkt_source, mkt_medium, mkt_campaign, mkt_term, mkt_content, mkt_clickid
    from texts
),

said as (
    select
        page_location,
        any_value(value) filter (name = 'utm_source') as utm_source,
        any_value(value) filter (name = 'utm_medium') as utm_medium,
        any_value(value) filter (name = 'utm_campaign') as utm_campaign,
        any_value(value) filter (name = 'utm_term') as utm_term,
        any_value(value) filter (name = 'utm_content') as utm_content
    from query_value
    group by page_location
),

clicked as (
    select
        page_location,
        arg_min(value, place) as click_value,
        arg_min({'network': network, 'source': source, 'medium': medium}, place) as click
    from query_value
    join click_id on click_id.name = query_value.name
    group by page_location
)

select
    seen.page_location,
    seen.page_referrer,
    columns('^mkt_') as 'own_\0',
    coalesce(mkt_source, utm_source) as source_text,
    coalesce(mkt_medium, utm_medium) as medium_text,
    coalesce(mkt_campaign, utm_campaign) as campaign_text,
    coalesce(mkt_term, utm_term) as term_text,
    coalesce(mkt_content, utm_content) as content_text,
    coalesce(mkt_clickid, click_value) as clickid_text,
    click,
    if(mkt_clickid is null, click.network, null) as network,
    host_of_url(seen.page_location) as page_host
from seen
left join said on said.page_location = seen.page_location
left join clicked on clicked.page_location = seen.page_location
