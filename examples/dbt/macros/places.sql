{# The schemas that Airbyte writes to: one or several, each with or without a table prefix. #}

{# The places as {database, schema, prefix, source_relation}. With a single place, source_relation is empty, as in Fivetran's packages. #}
{% macro places() %}
    {%- set database = var('tiktok_organic_database', target.database) -%}
    {%- set prefix = var('tiktok_organic_prefix', '') -%}
    {%- set several = var('tiktok_organic_schemas', []) -%}
    {%- if not several -%}
        {%- set schema = var('tiktok_organic_schema', target.schema) -%}
        {{ return([{'database': database, 'schema': schema, 'prefix': prefix, 'source_relation': ''}]) }}
    {%- endif -%}
    {%- set places = [] -%}
    {%- for entry in several -%}
        {%- set place = {'schema': entry} if entry is string else entry -%}
        {%- do places.append({
            'database': place.get('database', database),
            'schema': place['schema'],
            'prefix': place.get('prefix', prefix),
            'source_relation': place.get('name', place['schema'])
        }) -%}
    {%- endfor -%}
    {%- set names = places | map(attribute='source_relation') | list -%}
    {%- if names | unique | list | length < names | length -%}
        {{ exceptions.raise_compiler_error(
            "tiktok_organic_schemas names a schema twice. Give each entry a name: {schema: …, prefix: …, name: …}."
        ) }}
    {%- endif -%}
    {{ return(places) }}
{% endmacro %}

{# A table in a place, or none. #}
{% macro table_at(place, name) %}
    {{ return(adapter.get_relation(database=place.database, schema=place.schema, identifier=name) if execute) }}
{% endmacro %}

{#
    The rows of a stream in all places, as a query.

    columns: type by name; a column that a table doesn't have is null.
    needed: the required columns.
#}
{% macro rows_of(stream, columns, needed) %}
    {%- set queries = [] -%}
    {%- for place in tiktok_organic.places() -%}
        {%- set table = tiktok_organic.table_at(place, place.prefix ~ stream) -%}
        {%- if table -%}
            {%- do queries.append(tiktok_organic.rows_at(place, table, columns, needed)) -%}
        {%- else -%}
            {%- do tiktok_organic.expect_a_table(place) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if not queries -%}
        {%- do queries.append(tiktok_organic.no_rows(columns)) -%}
    {%- endif -%}
    {{ return(queries | join('\nunion all\n')) }}
{% endmacro %}

{# A sync may skip one stream; if both tables are missing, the place is wrong. #}
{% macro expect_a_table(place) %}
    {%- set user_info = tiktok_organic.table_at(place, place.prefix ~ 'user_info') -%}
    {%- set videos = tiktok_organic.table_at(place, place.prefix ~ 'videos') -%}
    {%- if execute and not user_info and not videos -%}
        {{ exceptions.raise_compiler_error(
            "The schema " ~ place.schema ~ " has no table " ~ place.prefix ~ "videos or " ~ place.prefix ~ "user_info. "
            ~ "Set tiktok_organic_schema (or tiktok_organic_schemas) and tiktok_organic_prefix."
        ) }}
    {%- endif -%}
{% endmacro %}

{% macro rows_at(place, table, columns, needed) %}
    {%- set there = adapter.get_columns_in_relation(table) | map(attribute='name') | map('lower') | list -%}
    {%- set missing = needed | reject('in', there) | list -%}
    {%- if missing -%}
        {{ exceptions.raise_compiler_error(
            table ~ " needs the columns " ~ needed | join(', ') ~ "; " ~ missing | join(', ') ~ " is missing. "
            ~ "Select them in the connection."
        ) }}
    {%- endif -%}
    {%- set read_at = tiktok_organic.utc('_airbyte_extracted_at') -%}
    {%- set sync_id = tiktok_organic.sync_id('_airbyte_meta') if '_airbyte_meta' in there else 'null' -%}
    {%- set raw_id = '_airbyte_raw_id' if '_airbyte_raw_id' in there else 'null' -%}
    {%- set parts = [] -%}
    {%- for name, type in columns.items() -%}
        {%- do parts.append('cast(' ~ (name if name in there else 'null') ~ ' as ' ~ type ~ ') as ' ~ name) -%}
    {%- endfor -%}
    {{ return(
        "select\n    cast('" ~ place.source_relation ~ "' as " ~ dbt.type_string() ~ ") as source_relation,\n    "
        ~ parts | join(',\n    ')
        ~ ",\n    " ~ read_at ~ " as read_at"
        ~ ",\n    cast(" ~ sync_id ~ " as " ~ dbt.type_string() ~ ") as sync_id"
        ~ ",\n    cast(" ~ raw_id ~ " as " ~ dbt.type_string() ~ ") as _airbyte_raw_id"
        ~ "\nfrom " ~ table
    ) }}
{% endmacro %}

{# A stream without any table: its columns, without rows. #}
{% macro no_rows(columns) %}
    {%- set text = dbt.type_string() -%}
    {%- set types = dict(columns, source_relation=text, read_at=tiktok_organic.type_utc()) -%}
    {%- set types = dict(types, sync_id=text, _airbyte_raw_id=text) -%}
    {%- set parts = [] -%}
    {%- for name, type in types.items() -%}
        {%- do parts.append('cast(null as ' ~ type ~ ') as ' ~ name) -%}
    {%- endfor -%}
    {{ return('select * from (select ' ~ parts | join(', ') ~ ') as nothing where 1 = 0') }}
{% endmacro %}

{# The rows as Airbyte wrote them. #}
{% macro raw_videos() %}
    {%- set count = dbt.type_bigint() -%}
    {%- set text = dbt.type_string() -%}
    {%- set columns = {
        'id': text, 'open_id': text, 'create_time': count,
        'video_description': text, 'title': text, 'share_url': text, 'duration': count,
        'view_count': count, 'like_count': count, 'comment_count': count, 'share_count': count
    } -%}
    {{ return(tiktok_organic.rows_of('videos', columns, ['id', 'open_id', '_airbyte_extracted_at'])) }}
{% endmacro %}

{% macro raw_user_info() %}
    {%- set count = dbt.type_bigint() -%}
    {%- set text = dbt.type_string() -%}
    {%- set columns = {
        'open_id': text, 'username': text, 'display_name': text,
        'follower_count': count, 'following_count': count, 'likes_count': count, 'video_count': count
    } -%}
    {{ return(tiktok_organic.rows_of('user_info', columns, ['open_id', '_airbyte_extracted_at'])) }}
{% endmacro %}
