-- One row per distinct user agent and own words: browser, system, device, declared bot.
-- Reads `texts`, `family` (the library's answers), `standard_word` and `agent_part`.
with seen as (
    select distinct user_agent, browser_name, os_name, device_category from texts
),

looked as (
    select
        seen.*,
        family.browser,
        family.system,
        family.device,
        lower_ascii(left(seen.user_agent, 500)) as agent_text
    from seen
    left join family on family.user_agent = seen.user_agent
),

judged as (
    select
        *,
        coalesce(
            device = 'Spider'
            or holds(replace(agent_text, 'cubot', ''), parts_of('bot')), false
        ) as is_robot,
        lower_ascii(device_category) as own_device,
        lower_ascii(without_version(browser_name)) as own_browser,
        lower_ascii(without_version(os_name)) as own_system
    from looked
),

named as (
    select
        *,
        case
            when own_device is not null then coalesce(standard_of('devices', own_device), own_device)
            when user_agent is null then null
            when is_robot then 'bot'
            when holds(agent_text, parts_of('tv')) then 'tv'
            when holds(replace(agent_text, 'tablet pc', ''), parts_of('tablet'))
                or (contains(agent_text, 'android') and not contains(agent_text, 'mobile'))
            then 'tablet'
            when holds(agent_text, parts_of('mobile')) then 'mobile'
            when holds(agent_text, parts_of('desktop')) then 'desktop'
            else 'other'
        end as category
    from judged
)

select
    user_agent,
    browser_name as own_browser_name,
    os_name as own_os_name,
    device_category as own_device_category,
    coalesce(
        standard_of('browsers', own_browser), without_version(browser_name),
        standard_of('browsers', lower_ascii(without_version(browser))), without_version(browser)
    ) as browser_name,
    coalesce(
        standard_of('systems', own_system), without_version(os_name),
        standard_of('systems', lower_ascii(without_version(system))), without_version(system)
    ) as os_name,
    category as device_category,
    is_robot or coalesce(category = 'bot', false) as is_declared_bot
from named
