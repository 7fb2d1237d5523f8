{#- The latest value in the rows before this one, rows without a value left out. `order_text` sorts the
    rows and is of one length: the value is carried behind it through max(), which every engine computes
    as a window grows. "Last value, NULL ignored" is written differently by each, and slow on some. -#}
{% macro latest_before(value, order_text, partition_by) -%}
substr(
            max({{ order_text }} || {{ value }}) over (
                partition by {{ partition_by }}
                order by {{ order_text }}
                rows between unbounded preceding and 1 preceding
            ),
            length({{ order_text }}) + 1
        )
{%- endmacro %}
