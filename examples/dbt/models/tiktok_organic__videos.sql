{#- A day and a half: a daily sync that comes a little late must not miss the day. -#}
{% set ages = [1, 7, 28] %}
{% set patience = 36 * 3600 %}

with readings as (
    select
        *,
        row_number() over (partition by open_id, video_id order by read_at desc, _airbyte_raw_id desc) as from_newest,
        min(read_at) over (partition by open_id, video_id) as first_read_at,
        {{ dbt.datediff('posted_at', 'read_at', 'second') }} as age
    from {{ ref('stg_tiktok_organic__videos') }}
),

at_age as (
    select
        open_id,
        video_id,
        view_count,
        read_at,
        case
            {% for days in ages %}
            when age >= {{ days * 86400 }} and age < {{ days * 86400 + patience }} then {{ days }}
            {% endfor %}
        end as days
    from readings
),

first_at_age as (
    select
        *,
        row_number() over (partition by open_id, video_id, days order by read_at) as place
    from at_age
    where days is not null
),

views_at_age as (
    select
        open_id,
        video_id
        {%- for days in ages %},
        max(case when days = {{ days }} then view_count end) as views_after_{{ days }}_days
        {%- endfor %}
    from first_at_age
    where place = 1
    group by open_id, video_id
)

select
    newest.open_id,
    newest.video_id,
    newest.posted_at,
    newest.create_time,
    newest.video_description as caption,
    coalesce({{ hashtags("coalesce(newest.video_description, '')") }}, '') as hashtags,
    {{ dbt.split_part('newest.share_url', "'?'", 1) }} as permalink,
    newest.duration = 0 as is_photo,
    newest.duration,
    newest.view_count,
    newest.like_count,
    newest.comment_count,
    newest.share_count,
    {% for days in ages %}
    views_at_age.views_after_{{ days }}_days,
    {% endfor %}
    newest.first_read_at,
    newest.read_at as last_read_at
from readings as newest
left join views_at_age
    on newest.open_id = views_at_age.open_id and newest.video_id = views_at_age.video_id
where newest.from_newest = 1
