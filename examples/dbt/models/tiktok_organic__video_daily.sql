{% set counts = ['view', 'like', 'comment', 'share'] %}

with ranked as (
    select
        *,
        row_number() over (
            partition by open_id, video_id, date_day order by read_at desc, _airbyte_raw_id desc
        ) as place
    from {{ ref('stg_tiktok_organic__videos') }}
),

compared as (
    select
        *,
        lag(date_day) over (partition by open_id, video_id order by date_day) as previous_day
        {%- for count in counts %},
        {{ count }}_count - lag({{ count }}_count) over (
            partition by open_id, video_id order by date_day
        ) as {{ count }}s_gained
        {%- endfor %}
    from ranked
    where place = 1
)

select
    open_id,
    video_id,
    date_day,
    read_at,
    posted_at,
    {% for count in counts %}
    {{ count }}_count,
    {{ count }}s_gained,
    {% endfor %}
    {{ dbt.datediff('previous_day', 'date_day', 'day') }} as days_since_previous,
    {% for count in counts %}
    {{ 'or' if not loop.first }} coalesce({{ count }}s_gained, 0) < 0
    {% endfor %} as is_negative
from compared
