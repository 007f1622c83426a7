with readings as (
    select *, {{ utc('_airbyte_extracted_at') }} as read_at
    from {{ source('tiktok', 'videos') }}
)

select
    open_id,
    id as video_id,
    cast(create_time as {{ dbt.type_bigint() }}) as create_time,
    {{ utc_of_epoch('create_time') }} as posted_at,
    video_description,
    title,
    share_url,
    cast(duration as {{ dbt.type_bigint() }}) as duration,
    cast(view_count as {{ dbt.type_bigint() }}) as view_count,
    cast(like_count as {{ dbt.type_bigint() }}) as like_count,
    cast(comment_count as {{ dbt.type_bigint() }}) as comment_count,
    cast(share_count as {{ dbt.type_bigint() }}) as share_count,
    read_at,
    {{ day_of('read_at') }} as date_day,
    {{ sync_id('_airbyte_meta') }} as sync_id,
    _airbyte_raw_id
from readings
