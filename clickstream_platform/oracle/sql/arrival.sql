-- One row per distinct page, referrer and own campaign texts: where the visit came from.
-- Reads `visit`, `site` and `listed`.
with referred as (
    select
        visit.*,
        lower_ascii(source_text) as source_word,
        case
            when page_referrer is null or is_nobody then null
            when is_same_site(host, page_host) then 'internal'
            else coalesce(listed.category, 'unknown')
        end as refr_medium,
        case
            when is_nobody or is_same_site(host, page_host) then null
            else coalesce(referring_source, regexp_replace(host, '^www\.', ''))
        end as refr_source
    from visit
    left join site on site.text = visit.page_referrer
    left join listed on listed.source = site.referring_source
),

arrived as (
    select
        *,
        case
            when coalesce(source_text, medium_text, campaign_text) is not null then {
                'source': coalesce(source_word, click.source),
                'medium': coalesce(lower_ascii(medium_text), click.medium)
            }
            when click.medium is not null then {'source': click.source, 'medium': click.medium}
            when refr_medium <> 'internal' then {
                'source': refr_source,
                'medium': case refr_medium
                    when 'search' then 'organic' when 'email' then 'email' else 'referral'
                end
            }
            when click is not null then {'source': click.source, 'medium': null}
            when page_location is not null or page_referrer is not null
            then {'source': '(direct)', 'medium': '(none)'}
        end as came,
        coalesce(lower_ascii(campaign_text), '') as campaign
    from referred
),

kinds as (
    select
        arrived.*,
        came.source as source,
        coalesce(came.medium, '') as medium,
        coalesce(by_site.category, by_name.category) as kind,
        coalesce(regexp_matches(came.medium, 'cp|^paid|^ppc$|^retargeting$'), false) as is_paid,
        coalesce(kind = 'shopping', false)
            or regexp_matches(campaign, '(?s)^(.*(([^a-df-z]|^)shop|shopping).*)$') as is_shopping
    from arrived
    left join site on site.text = came.source
    left join listed as by_site on by_site.source = site.named_source
    left join listed as by_name on by_name.source = came.source
)

select
    page_location, page_referrer,
    own_mkt_source, own_mkt_medium, own_mkt_campaign, own_mkt_term, own_mkt_content, own_mkt_clickid,
    page_host as page_domain,
    path_of(page_location) as page_path,
    source_text as mkt_source,
    medium_text as mkt_medium,
    campaign_text as mkt_campaign,
    term_text as mkt_term,
    content_text as mkt_content,
    clickid_text as mkt_clickid,
    network as mkt_network,
    refr_medium,
    refr_source,
    case
        when came is null then null
        when source in ('direct', '(direct)') and medium in ('', '(none)', 'none', '(not set)')
        then 'Direct'
        when contains(campaign, 'cross-network') then 'Cross-network'
        when is_paid and is_shopping then 'Paid Shopping'
        when is_paid and kind = 'search' then 'Paid Search'
        when is_paid and kind = 'social' then 'Paid Social'
        when is_paid and kind = 'video' then 'Paid Video'
        when medium in ('display', 'banner', 'expandable', 'interstitial', 'cpm') then 'Display'
        when is_paid then 'Paid Other'
        when kind = 'ai_assistant' then 'AI Assistants'
        when is_shopping then 'Organic Shopping'
        when kind = 'social' or medium in (
            'social', 'social-network', 'social-media', 'sm', 'social network', 'social media'
        ) then 'Organic Social'
        when kind = 'video' or contains(medium, 'video') then 'Organic Video'
        when kind = 'search' or medium = 'organic' then 'Organic Search'
        when medium in ('referral', 'app', 'link') then 'Referral'
        when kind = 'email' or source in ('email', 'e-mail', 'e_mail', 'e mail')
            or medium in ('email', 'e-mail', 'e_mail', 'e mail') then 'Email'
        when medium in ('affiliate', 'affiliates') then 'Affiliates'
        when medium = 'audio' then 'Audio'
        when source = 'sms' or medium = 'sms' then 'SMS'
        when medium like '%push' or medium like '%mobile%' or medium like '%notification%'
            or source = 'firebase' then 'Mobile Push Notifications'
        else 'Unassigned'
    end as channel_group
from kinds
