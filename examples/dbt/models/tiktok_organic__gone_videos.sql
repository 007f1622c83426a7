with missing as (
    select videos.source_relation, videos.open_id, videos.video_id, min(readings.ended_at) as missing_since
    from {{ ref('tiktok_organic__videos') }} as videos
    inner join {{ ref('tiktok_organic__readings') }} as readings
        on videos.source_relation = readings.source_relation
        and videos.open_id = readings.open_id
        and videos.last_read_at < readings.began_at
        -- Only a reading of all videos covers a video of unknown age.
        and coalesce(videos.create_time, 0) >= readings.covers_from
    group by videos.source_relation, videos.open_id, videos.video_id
)

select
    videos.source_relation,
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
    {{ tiktok_organic.day_of('missing.missing_since') }} as missing_since_day
from {{ ref('tiktok_organic__videos') }} as videos
inner join missing
    on videos.source_relation = missing.source_relation
    and videos.open_id = missing.open_id
    and videos.video_id = missing.video_id
