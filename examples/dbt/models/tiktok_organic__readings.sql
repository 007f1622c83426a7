with profiles as (
    select source_relation, open_id, sync_id, min(read_at) as read_at, min(video_count) as video_count
    from {{ ref('stg_tiktok_organic__user_info') }}
    where sync_id is not null
    group by source_relation, open_id, sync_id
    -- With a second profile, the sync had a second attempt; videos that the first one listed may be gone by then.
    having count(*) = 1
),

listed as (
    select
        profiles.source_relation,
        profiles.open_id,
        profiles.sync_id,
        min(profiles.video_count) as video_count,
        min(profiles.read_at) as profile_read_at,
        min(videos.read_at) as first_read_at,
        max(videos.read_at) as last_read_at,
        count(distinct case
            when coalesce(videos.posted_at, profiles.read_at) <= profiles.read_at then videos.video_id
        end) as videos_listed
    from profiles
    left join {{ ref('stg_tiktok_organic__videos') }} as videos
        on profiles.source_relation = videos.source_relation
        and profiles.open_id = videos.open_id
        and profiles.sync_id = videos.sync_id
    group by profiles.source_relation, profiles.open_id, profiles.sync_id
)

select
    source_relation,
    open_id,
    sync_id as reading_id,
    case when first_read_at < profile_read_at then first_read_at else profile_read_at end as began_at,
    case when last_read_at > profile_read_at then last_read_at else profile_read_at end as ended_at,
    cast(0 as {{ dbt.type_bigint() }}) as covers_from,
    'as many videos as TikTok counts' as known_by
from listed
where videos_listed = video_count
{#- `make sync` records its successful syncs; Airbyte writes no such table. #}
{%- for place in tiktok_organic.places() %}
{%- set syncs = tiktok_organic.table_at(place, 'tiktok_syncs') %}
{%- if syncs %}

union all

select
    cast('{{ place.source_relation }}' as {{ dbt.type_string() }}) as source_relation,
    open_id,
    reading_id,
    {{ tiktok_organic.utc('started_at') }} as began_at,
    {{ tiktok_organic.utc('finished_at') }} as ended_at,
    cast(covers_from as {{ dbt.type_bigint() }}) as covers_from,
    'the sync ended well' as known_by
from {{ syncs }}
{%- endif %}
{%- endfor %}
