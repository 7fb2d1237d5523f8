{#- The one order of statements (docs/reference/meaning.md, "Statement order"): a text of one length that
    sorts as statements apply, the last one winning. First when it was stated; then where its source states
    it: transactionTime of the export, the place, the part of the record. `line_tail`, eight characters,
    is for records that share a line, whose places are the same. -#}
{% macro statement_order(stated_at, place, transaction_time=none, part='0', line_tail="'00000000'") -%}
{{ time_text(stated_at) }}
    || {{ "'000000000000000000'" if transaction_time is none else time_text(transaction_time) }}
    || {{ place }}
    || lpad(cast({{ part }} as string), 6, '0')
    || {{ line_tail }}
{%- endmacro %}

{#- The place at which a source states something, as text of one length: the source, since the files of two
    sources are numbered apart; day of the delivery; file, and replay of that file; message or line. -#}
{% macro source_place(source, day, file, received, number) -%}
rpad({{ source }}, 32, ' ')
    || replace(cast({{ day }} as string), '-', '')
    || lpad(cast({{ delivered_in(file, received) }} as string), 9, '0')
    || lpad(cast({{ replay_number(file) }} as string), 4, '0')
    || lpad(cast({{ number }} as string), 9, '0')
{%- endmacro %}

{#- The order of a part of a record, such as a segment, from that of the record. -#}
{% macro part_order(record_order, part) -%}
substr({{ record_order }}, 1, length({{ record_order }}) - 14)
    || lpad(cast({{ part }} as string), 6, '0')
    || right({{ record_order }}, 8)
{%- endmacro %}

{#- The number of the file in which a record counts as stated, by the name of its own file: a replay counts
    in the file that its record was rejected from (`lakeward.core.paths.replay_file`). -#}
{% macro delivered_in(file, received) -%}
coalesce(
        try_cast(nullif(regexp_extract({{ file }}, '/replay/([0-9]{12})-[0-9]+[.]', 1), '') as bigint),
        {{ received }}
    )
{%- endmacro %}

{#- The number of the replay that brought a record; 0 for a file that was delivered. -#}
{% macro replay_number(file) -%}
coalesce(
        try_cast(nullif(regexp_extract({{ file }}, '/replay/[0-9]{12}-([0-9]+)[.]', 1), '') as bigint), 0
    )
{%- endmacro %}
