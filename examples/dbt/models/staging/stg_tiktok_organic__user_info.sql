-- The valid values of each row; tiktok_organic__odd_rows has the invalid ones.
with raw_rows as (
    {{ tiktok_organic.raw_user_info() }}
)

select
    source_relation,
    open_id,
    username,
    display_name,
    {{ tiktok_organic.usable_count('follower_count') }} as follower_count,
    {{ tiktok_organic.usable_count('following_count') }} as following_count,
    {{ tiktok_organic.usable_count('likes_count') }} as likes_count,
    {{ tiktok_organic.usable_count('video_count') }} as video_count,
    read_at,
    {{ tiktok_organic.day_of('read_at') }} as date_day,
    sync_id,
    _airbyte_raw_id
from raw_rows
where open_id <> '' and read_at is not null
