{#- 36 hours, because a daily sync may be late. -#}
{%- set ages = [1, 7, 28] -%}
{%- set patience = 36 * 3600 -%}
{%- set video = 'source_relation, open_id, video_id' -%}
{%- set account = 'source_relation, open_id' -%}

with readings as (
    select
        *,
        row_number() over (partition by {{ video }} order by read_at desc, _airbyte_raw_id desc) as from_newest,
        min(read_at) over (partition by {{ video }}) as first_read_at,
        {{ dbt.datediff('posted_at', 'read_at', 'second') }} as age
    from {{ ref('int_tiktok_organic__video_readings') }}
),

at_age as (
    select
        source_relation,
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
    where view_count is not null and not views_are_carried
),

first_at_age as (
    select
        *,
        row_number() over (partition by {{ video }}, days order by read_at) as place
    from at_age
    where days is not null
),

views_at_age as (
    select
        source_relation,
        open_id,
        video_id
        {%- for days in ages %},
        max(case when days = {{ days }} then view_count end) as views_after_{{ days }}_days
        {%- endfor %}
    from first_at_age
    where place = 1
    group by {{ video }}
),

newest as (
    select
        *,
        {{ tiktok_organic.engagement_rate() }} as engagement_rate
    from readings
    where from_newest = 1
),

-- A video without a view count has no rank, instead of the last one.
ranked as (
    select
        *,
        case
            when view_count is not null
                then rank() over (
                    partition by {{ account }} order by case when view_count is null then 1 else 0 end, view_count desc
                )
        end as views_rank,
        case
            when engagement_rate is not null
                then rank() over (
                    partition by {{ account }}
                    order by case when engagement_rate is null then 1 else 0 end, engagement_rate desc
                )
        end as engagement_rank
    from newest
)

select
    ranked.source_relation,
    ranked.open_id,
    ranked.video_id,
    ranked.posted_at,
    ranked.create_time,
    ranked.caption,
    coalesce({{ tiktok_organic.hashtags("coalesce(ranked.caption, '')") }}, '') as hashtags,
    {{ dbt.split_part('ranked.share_url', "'?'", 1) }} as permalink,
    ranked.duration = 0 as is_photo,
    ranked.duration,
    ranked.view_count,
    ranked.like_count,
    ranked.comment_count,
    ranked.share_count,
    ranked.engagement_rate,
    ranked.views_rank,
    ranked.engagement_rank,
    {% for days in ages %}
    views_at_age.views_after_{{ days }}_days,
    {% endfor %}
    ranked.is_carried,
    ranked.first_read_at,
    ranked.read_at as last_read_at
from ranked
left join views_at_age
    on ranked.source_relation = views_at_age.source_relation
    and ranked.open_id = views_at_age.open_id
    and ranked.video_id = views_at_age.video_id
