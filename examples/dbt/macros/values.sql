{# Corrects or drops invalid values from TikTok or a destination. #}

{# From 2014, before TikTok's first post, to 2100, in Unix time. #}
{% macro earliest_post() %}{{ return(1388534400) }}{% endmacro %}
{% macro latest_post() %}{{ return(4102444800) }}{% endmacro %}

{% macro is_in_seconds(time) %}{{ time }} between {{ tiktok_organic.earliest_post() }} and {{ tiktok_organic.latest_post() }}{% endmacro %}
{% macro is_in_milliseconds(time) %}{{ time }} between {{ tiktok_organic.earliest_post() }}000 and {{ tiktok_organic.latest_post() }}000{% endmacro %}

{# A create_time in s: converts values in ms; any other value becomes null. #}
{% macro usable_time(time) %}case
        when {{ tiktok_organic.is_in_seconds(time) }} then {{ time }}
        when {{ tiktok_organic.is_in_milliseconds(time) }} then cast(floor({{ time }} / 1000) as {{ dbt.type_bigint() }})
    end{% endmacro %}

{# A count: a negative one has overflowed and becomes null. #}
{% macro usable_count(count) %}case when {{ count }} >= 0 then {{ count }} end{% endmacro %}

{# A ratio with six decimals, the same on every warehouse; null for a division by 0. #}
{% macro ratio(above, below) %}round(cast(1.0 * ({{ above }}) / nullif({{ below }}, 0) as {{ dbt.type_numeric() }}), 6){% endmacro %}

{# Likes, comments and shares divided by views. #}
{% macro engagement_rate() %}{{ tiktok_organic.ratio('like_count + comment_count + share_count', 'view_count') }}{% endmacro %}

{# The median of a column in a `group by`, computed from its rank among `known` values, because each warehouse has another median function. #}
{% macro median(value, place, known) %}round(cast(avg(
        case when 2 * {{ place }} between {{ known }} and {{ known }} + 2 then 1.0 * {{ value }} end
    ) as {{ dbt.type_numeric() }}), 6){% endmacro %}

{% macro mean(value) %}round(cast(avg(1.0 * {{ value }}) as {{ dbt.type_numeric() }}), 6){% endmacro %}

{# Rows of a stream with an invalid value in a column, and how the models treat it. #}
{% macro odd(rows, stream, video_id, column, is_odd, treatment) %}
select
    source_relation,
    '{{ stream }}' as stream,
    open_id,
    {{ video_id }} as video_id,
    read_at,
    '{{ column }}' as column_name,
    cast({{ 'read_at' if column == '_airbyte_extracted_at' else column }} as {{ dbt.type_string() }}) as value,
    '{{ treatment }}' as treatment,
    _airbyte_raw_id
from {{ rows }}
where {{ is_odd }}
{% endmacro %}
