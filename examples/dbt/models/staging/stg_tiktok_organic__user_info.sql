with readings as (
    select *, {{ utc('_airbyte_extracted_at') }} as read_at
    from {{ source('tiktok', 'user_info') }}
)

select
    open_id,
    username,
    display_name,
    cast(follower_count as {{ dbt.type_bigint() }}) as follower_count,
    cast(following_count as {{ dbt.type_bigint() }}) as following_count,
    cast(likes_count as {{ dbt.type_bigint() }}) as likes_count,
    cast(video_count as {{ dbt.type_bigint() }}) as video_count,
    read_at,
    {{ day_of('read_at') }} as date_day,
    {{ sync_id('_airbyte_meta') }} as sync_id,
    _airbyte_raw_id
from readings
