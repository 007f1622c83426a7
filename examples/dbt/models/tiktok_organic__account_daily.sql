{%- set gained = {'follower_count': 'followers_gained', 'likes_count': 'likes_gained', 'video_count': 'videos_gained'} -%}
{%- set counts = ['follower_count', 'following_count', 'likes_count', 'video_count'] -%}
{%- set account = 'source_relation, open_id' -%}

-- A missing count is not 0: it keeps its last known value.
with numbered as (
    select
        *
        {%- for count in counts %},
        count({{ count }}) over (
            partition by {{ account }} order by read_at, _airbyte_raw_id rows unbounded preceding
        ) as {{ count }}s_known
        {%- endfor %}
    from {{ ref('stg_tiktok_organic__user_info') }}
),

carried as (
    select
        source_relation,
        open_id,
        username,
        display_name,
        {% for count in counts %}
        max({{ count }}) over (partition by {{ account }}, {{ count }}s_known) as {{ count }},
        {% endfor %}
        {% for count in counts %}
        {{ 'or' if not loop.first }} ({{ count }} is null and {{ count }}s_known > 0)
        {% endfor %} as is_carried,
        read_at,
        date_day,
        _airbyte_raw_id
    from numbered
),

ranked as (
    select
        *,
        row_number() over (partition by {{ account }}, date_day order by read_at desc, _airbyte_raw_id desc) as place
    from carried
),

-- If the profile is never read, use the days of the videos.
days_of_videos as (
    select videos.source_relation, videos.open_id, videos.date_day, max(videos.read_at) as read_at
    from {{ ref('tiktok_organic__video_daily') }} as videos
    left join (select distinct {{ account }} from ranked) as known
        on videos.source_relation = known.source_relation and videos.open_id = known.open_id
    where known.open_id is null
    group by videos.source_relation, videos.open_id, videos.date_day
),

profiles as (
    select
        source_relation,
        open_id,
        date_day,
        read_at,
        username,
        display_name,
        {{ counts | join(', ') }},
        is_carried
    from ranked
    where place = 1
    union all
    select
        source_relation,
        open_id,
        date_day,
        read_at,
        cast(null as {{ dbt.type_string() }}) as username,
        cast(null as {{ dbt.type_string() }}) as display_name,
        {%- for count in counts %}
        cast(null as {{ dbt.type_bigint() }}) as {{ count }},
        {%- endfor %}
        false as is_carried
    from days_of_videos
),

-- A video's first known count adds all its views, later ones add the gains; a gone video's views are subtracted.
changes as (
    select {{ account }}, date_day, coalesce(views_gained, view_count, 0) as views
    from {{ ref('tiktok_organic__video_daily') }}
    union all
    select {{ account }}, missing_since_day as date_day, -coalesce(view_count, 0) as views
    from {{ ref('tiktok_organic__gone_videos') }}
    union all
    select {{ account }}, date_day, 0 as views
    from profiles
),

by_day as (
    select {{ account }}, date_day, sum(views) as views
    from changes
    group by {{ account }}, date_day
),

totals as (
    select
        source_relation,
        open_id,
        date_day,
        sum(views) over (partition by {{ account }} order by date_day rows unbounded preceding) as views_total
    from by_day
),

placed as (
    select
        source_relation,
        open_id,
        date_day,
        view_count,
        engagement_rate,
        count(view_count) over (partition by {{ account }}, date_day) as with_views,
        count(engagement_rate) over (partition by {{ account }}, date_day) as with_rate,
        row_number() over (
            partition by {{ account }}, date_day
            order by case when view_count is null then 1 else 0 end, view_count
        ) as views_place,
        row_number() over (
            partition by {{ account }}, date_day
            order by case when engagement_rate is null then 1 else 0 end, engagement_rate
        ) as rate_place
    from {{ ref('tiktok_organic__video_daily') }}
),

typical as (
    select
        source_relation,
        open_id,
        date_day,
        count(*) as videos_read,
        {{ tiktok_organic.mean('view_count') }} as views_mean,
        {{ tiktok_organic.median('view_count', 'views_place', 'with_views') }} as views_median,
        {{ tiktok_organic.mean('engagement_rate') }} as engagement_rate_mean,
        {{ tiktok_organic.median('engagement_rate', 'rate_place', 'with_rate') }} as engagement_rate_median
    from placed
    group by source_relation, open_id, date_day
),

joined as (
    select
        profiles.*,
        cast(totals.views_total as {{ dbt.type_bigint() }}) as views_total,
        coalesce(typical.videos_read, 0) as videos_read,
        typical.views_mean,
        typical.views_median,
        typical.engagement_rate_mean,
        typical.engagement_rate_median
    from profiles
    inner join totals
        on profiles.source_relation = totals.source_relation
        and profiles.open_id = totals.open_id
        and profiles.date_day = totals.date_day
    left join typical
        on profiles.source_relation = typical.source_relation
        and profiles.open_id = typical.open_id
        and profiles.date_day = typical.date_day
),

compared as (
    select
        *,
        lag(date_day) over (partition by {{ account }} order by date_day) as previous_day
        {%- for count, name in gained.items() %},
        {{ count }} - lag({{ count }}) over (partition by {{ account }} order by date_day) as {{ name }}
        {%- endfor %},
        views_total - lag(views_total) over (partition by {{ account }} order by date_day) as views_gained
    from joined
)

select
    source_relation,
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
    videos_read,
    views_mean,
    views_median,
    engagement_rate_mean,
    engagement_rate_median,
    {{ dbt.datediff('previous_day', 'date_day', 'day') }} as days_since_previous,
    is_carried
from compared
