-- The columns of Fivetran's social media reporting.
with newest_day as (
    select source_relation, open_id, max(date_day) as date_day
    from {{ ref('tiktok_organic__account_daily') }}
    group by source_relation, open_id
),

accounts as (
    select account_daily.*
    from {{ ref('tiktok_organic__account_daily') }} as account_daily
    inner join newest_day
        on account_daily.source_relation = newest_day.source_relation
        and account_daily.open_id = newest_day.open_id
        and account_daily.date_day = newest_day.date_day
)

select
    videos.posted_at as created_timestamp,
    videos.video_id as post_id,
    videos.caption as post_message,
    videos.open_id as page_id,
    coalesce(accounts.display_name, accounts.username) as page_name,
    videos.permalink as post_url,
    videos.source_relation,
    'tiktok' as platform,
    cast(null as {{ dbt.type_bigint() }}) as clicks,
    videos.view_count as impressions,
    videos.like_count as likes,
    videos.share_count as shares,
    videos.comment_count as comments
from {{ ref('tiktok_organic__videos') }} as videos
left join accounts
    on videos.source_relation = accounts.source_relation
    and videos.open_id = accounts.open_id
