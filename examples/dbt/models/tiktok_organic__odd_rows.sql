{%- set counts = ['view_count', 'like_count', 'comment_count', 'share_count', 'duration'] -%}
{%- set profile_counts = ['follower_count', 'following_count', 'likes_count', 'video_count'] -%}
{%- set no_video = 'cast(null as ' ~ dbt.type_string() ~ ')' -%}

{%- set no_row = 'the row is not used' -%}
{%- set no_value = 'the value is not used' -%}
{%- set unknown_time = "coalesce(not (" ~ tiktok_organic.is_in_seconds('create_time') ~ ") and not ("
    ~ tiktok_organic.is_in_milliseconds('create_time') ~ "), true)" -%}

with videos as (
    {{ tiktok_organic.raw_videos() }}
),

profiles as (
    {{ tiktok_organic.raw_user_info() }}
),

-- Scan the videos only once, because there are few invalid rows.
odd_videos as (
    select *
    from videos
    where coalesce(id, '') = '' or coalesce(open_id, '') = '' or read_at is null
        or {{ unknown_time }} or {{ tiktok_organic.is_in_milliseconds('create_time') }}
        {%- for count in counts %}
        or {{ count }} < 0
        {%- endfor %}
)

{% for column in ['id', 'open_id'] -%}
{{ tiktok_organic.odd('odd_videos', 'videos', 'id', column, "coalesce(" ~ column ~ ", '') = ''", no_row) }}
union all
{% endfor -%}
{{ tiktok_organic.odd('odd_videos', 'videos', 'id', '_airbyte_extracted_at', 'read_at is null', no_row) }}
union all
{{ tiktok_organic.odd('odd_videos', 'videos', 'id', 'create_time', unknown_time, no_value) }}
union all
{{ tiktok_organic.odd('odd_videos', 'videos', 'id', 'create_time', tiktok_organic.is_in_milliseconds('create_time'), 'taken as milliseconds') }}
{% for count in counts -%}
union all
{{ tiktok_organic.odd('odd_videos', 'videos', 'id', count, count ~ ' < 0', no_value) }}
{% endfor -%}
union all
{{ tiktok_organic.odd('profiles', 'user_info', no_video, 'open_id', "coalesce(open_id, '') = ''", no_row) }}
union all
{{ tiktok_organic.odd('profiles', 'user_info', no_video, '_airbyte_extracted_at', 'read_at is null', no_row) }}
{% for count in profile_counts -%}
union all
{{ tiktok_organic.odd('profiles', 'user_info', no_video, count, count ~ ' < 0', no_value) }}
{% endfor -%}
