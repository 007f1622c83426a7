{% set gained = {'follower_count': 'followers_gained', 'likes_count': 'likes_gained', 'video_count': 'videos_gained'} %}

with ranked as (
    select
        *,
        row_number() over (partition by open_id, date_day order by read_at desc, _airbyte_raw_id desc) as place
    from {{ ref('stg_tiktok_organic__user_info') }}
),

profiles as (
    select * from ranked where place = 1
),

-- A video's first reading brings all its views, later ones what was gained; a video that is gone takes its views along.
changes as (
    select open_id, date_day, coalesce(views_gained, view_count) as views
    from {{ ref('tiktok_organic__video_daily') }}
    union all
    select open_id, missing_since_day as date_day, -view_count as views
    from {{ ref('tiktok_organic__gone_videos') }}
    union all
    select open_id, date_day, 0 as views
    from profiles
),

by_day as (
    select open_id, date_day, sum(views) as views
    from changes
    group by open_id, date_day
),

totals as (
    select
        open_id,
        date_day,
        sum(views) over (partition by open_id order by date_day rows unbounded preceding) as views_total
    from by_day
),

joined as (
    select profiles.*, cast(totals.views_total as {{ dbt.type_bigint() }}) as views_total
    from profiles
    inner join totals
        on profiles.open_id = totals.open_id and profiles.date_day = totals.date_day
),

compared as (
    select
        *,
        lag(date_day) over (partition by open_id order by date_day) as previous_day
        {%- for count, name in gained.items() %},
        {{ count }} - lag({{ count }}) over (partition by open_id order by date_day) as {{ name }}
        {%- endfor %},
        views_total - lag(views_total) over (partition by open_id order by date_day) as views_gained
    from joined
)

select
    open_id,
    date_day,
    read_at,
    username,
    display_name,
    follower_count,
    followers_gained,
    following_count,
    likes_count,
    likes_gained,
    video_count,
    videos_gained,
    views_total,
    views_gained,
    {{ dbt.datediff('previous_day', 'date_day', 'day') }} as days_since_previous
from compared
