{# SQL that dbt's own macros do not cover. The tests run it on DuckDB and Postgres; for BigQuery and Snowflake, they check the SQL with sqlglot. #}

{# A time with or without time zone as a time in UTC without time zone. #}
{% macro utc(time) %}{{ return(adapter.dispatch('utc', 'tiktok_organic')(time)) }}{% endmacro %}
{% macro default__utc(time) %}make_timestamp(epoch_us({{ time }})){% endmacro %}
{% macro postgres__utc(time) %}timezone('UTC', to_timestamp(extract(epoch from {{ time }}))){% endmacro %}
{% macro bigquery__utc(time) %}datetime({{ time }}){% endmacro %}
{% macro snowflake__utc(time) %}convert_timezone('UTC', {{ time }})::timestamp_ntz{% endmacro %}

{# The type of such a time. #}
{% macro type_utc() %}{{ return(adapter.dispatch('type_utc', 'tiktok_organic')()) }}{% endmacro %}
{% macro default__type_utc() %}timestamp{% endmacro %}
{% macro bigquery__type_utc() %}datetime{% endmacro %}
{% macro snowflake__type_utc() %}timestamp_ntz{% endmacro %}

{# Unix time in s as a time in UTC. #}
{% macro utc_of_epoch(seconds) %}{{ return(adapter.dispatch('utc_of_epoch', 'tiktok_organic')(seconds)) }}{% endmacro %}
{% macro default__utc_of_epoch(seconds) %}make_timestamp({{ seconds }} * 1000000){% endmacro %}
{% macro postgres__utc_of_epoch(seconds) %}timezone('UTC', to_timestamp({{ seconds }})){% endmacro %}
{% macro bigquery__utc_of_epoch(seconds) %}datetime(timestamp_seconds({{ seconds }})){% endmacro %}
{% macro snowflake__utc_of_epoch(seconds) %}dateadd('second', {{ seconds }}, '1970-01-01'::timestamp_ntz){% endmacro %}

{# The day of a time in UTC, in the time zone of the variable tiktok_organic_timezone. #}
{% macro day_of(time) %}{{ return(adapter.dispatch('day_of', 'tiktok_organic')(time, var('tiktok_organic_timezone'))) }}{% endmacro %}
{% macro default__day_of(time, zone) %}cast(timezone('{{ zone }}', timezone('UTC', {{ time }})) as date){% endmacro %}
{% macro bigquery__day_of(time, zone) %}date(timestamp({{ time }}), '{{ zone }}'){% endmacro %}
{% macro snowflake__day_of(time, zone) %}to_date(convert_timezone('UTC', '{{ zone }}', {{ time }})){% endmacro %}

{# Airbyte's id of the sync that wrote a row; null with PyAirbyte, which writes none. #}
{% macro sync_id(meta) %}{{ return(adapter.dispatch('sync_id', 'tiktok_organic')(meta)) }}{% endmacro %}
{% macro default__sync_id(meta) %}(cast({{ meta }} as json) ->> 'sync_id'){% endmacro %}
{% macro bigquery__sync_id(meta) %}json_value({{ meta }}, '$.sync_id'){% endmacro %}
{% macro snowflake__sync_id(meta) %}cast({{ meta }}:sync_id as varchar){% endmacro %}

{# The words after # in a text, in order, separated by spaces; null or empty if there are none. #}
{% macro hashtags(text) %}{{ return(adapter.dispatch('hashtags', 'tiktok_organic')(text, "#([^#[:space:].,;:!?()]+)")) }}{% endmacro %}
{% macro default__hashtags(text, pattern) %}array_to_string(regexp_extract_all({{ text }}, '{{ pattern }}', 1), ' '){% endmacro %}
{% macro postgres__hashtags(text, pattern) %}(
    select string_agg(found.tag[1], ' ' order by found.place)
    from regexp_matches({{ text }}, '{{ pattern }}', 'g') with ordinality as found (tag, place)
){% endmacro %}
{% macro bigquery__hashtags(text, pattern) %}array_to_string(regexp_extract_all({{ text }}, r'{{ pattern }}'), ' '){% endmacro %}
{% macro snowflake__hashtags(text, pattern) %}array_to_string(regexp_substr_all({{ text }}, '{{ pattern }}', 1, 1, 'e'), ' '){% endmacro %}
