{%- set counts = ['view', 'like', 'comment', 'share'] -%}
{%- set video = 'source_relation, open_id, video_id' -%}

-- A missing count is not 0: it keeps its last known value.
with numbered as (
    select
        *
        {%- for count in counts %},
        count({{ count }}_count) over (
            partition by {{ video }} order by read_at, _airbyte_raw_id rows unbounded preceding
        ) as {{ count }}s_known
        {%- endfor %},
        max(create_time) over (partition by {{ video }}) as known_create_time
    from {{ ref('stg_tiktok_organic__videos') }}
)

select
    source_relation,
    open_id,
    video_id,
    coalesce(create_time, known_create_time) as create_time,
    {{ tiktok_organic.utc_of_epoch('coalesce(create_time, known_create_time)') }} as posted_at,
    caption,
    share_url,
    duration,
    {% for count in counts %}
    -- At most one of them is not null: the first of this group of readings.
    max({{ count }}_count) over (partition by {{ video }}, {{ count }}s_known) as {{ count }}_count,
    {% endfor %}
    view_count is null and views_known > 0 as views_are_carried,
    {% for count in counts %}
    {{ 'or' if not loop.first }} ({{ count }}_count is null and {{ count }}s_known > 0)
    {% endfor %} as is_carried,
    read_at,
    date_day,
    _airbyte_raw_id
from numbered
