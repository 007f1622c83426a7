with missing as (
    select videos.open_id, videos.video_id, min(readings.ended_at) as missing_since
    from {{ ref('tiktok_organic__videos') }} as videos
    inner join {{ ref('tiktok_organic__readings') }} as readings
        on videos.open_id = readings.open_id
        and videos.last_read_at < readings.began_at
        and videos.create_time >= readings.covers_from
    group by videos.open_id, videos.video_id
)

select
    videos.open_id,
    videos.video_id,
    videos.posted_at,
    videos.caption,
    videos.permalink,
    videos.view_count,
    videos.like_count,
    videos.comment_count,
    videos.share_count,
    videos.last_read_at,
    missing.missing_since,
    {{ day_of('missing.missing_since') }} as missing_since_day
from {{ ref('tiktok_organic__videos') }} as videos
inner join missing
    on videos.open_id = missing.open_id and videos.video_id = missing.video_id
