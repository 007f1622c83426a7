-- The valid values of each row; tiktok_organic__odd_rows has the invalid ones.
with raw_rows as (
    {{ tiktok_organic.raw_videos() }}
),

usable as (
    select
        *,
        {{ tiktok_organic.usable_time('create_time') }} as usable_create_time
    from raw_rows
    where id <> '' and open_id <> '' and read_at is not null
)

select
    source_relation,
    open_id,
    id as video_id,
    usable_create_time as create_time,
    {{ tiktok_organic.utc_of_epoch('usable_create_time') }} as posted_at,
    coalesce(video_description, title) as caption,
    share_url,
    {{ tiktok_organic.usable_count('duration') }} as duration,
    {{ tiktok_organic.usable_count('view_count') }} as view_count,
    {{ tiktok_organic.usable_count('like_count') }} as like_count,
    {{ tiktok_organic.usable_count('comment_count') }} as comment_count,
    {{ tiktok_organic.usable_count('share_count') }} as share_count,
    read_at,
    {{ tiktok_organic.day_of('read_at') }} as date_day,
    sync_id,
    _airbyte_raw_id
from usable
