{%- set counts = ['view', 'like', 'comment', 'share'] -%}
{%- set video = 'source_relation, open_id, video_id' -%}

with ranked as (
    select
        *,
        row_number() over (partition by {{ video }}, date_day order by read_at desc, _airbyte_raw_id desc) as place
    from {{ ref('int_tiktok_organic__video_readings') }}
),

compared as (
    select
        *,
        lag(date_day) over (partition by {{ video }} order by date_day) as previous_day,
        max(case when not views_are_carried then date_day end) over (
            partition by {{ video }} order by date_day rows between unbounded preceding and 1 preceding
        ) as previous_day_with_views
        {%- for count in counts %},
        {{ count }}_count - lag({{ count }}_count) over (
            partition by {{ video }} order by date_day
        ) as {{ count }}s_gained
        {%- endfor %}
    from ranked
    where place = 1
)

select
    source_relation,
    open_id,
    video_id,
    date_day,
    read_at,
    posted_at,
    {% for count in counts %}
    {{ count }}_count,
    {{ count }}s_gained,
    {% endfor %}
    {{ tiktok_organic.engagement_rate() }} as engagement_rate,
    case
        when not views_are_carried
            then {{ tiktok_organic.ratio('views_gained', dbt.datediff('previous_day_with_views', 'date_day', 'day')) }}
    end as views_a_day,
    {{ dbt.datediff('previous_day', 'date_day', 'day') }} as days_since_previous,
    is_carried,
    {% for count in counts %}
    {{ 'or' if not loop.first }} coalesce({{ count }}s_gained, 0) < 0
    {% endfor %} as is_negative
from compared
