{#- Whether an event of canonical__visit_event may count, by its flags: what a cancel took back, a better
    source outranks, is sent again or is still to come does not. -#}
{% macro may_count(alias) -%}
not {{ alias }}.is_cancelled
        {%- for flag in [
            'confirmed_by_other_source',
            'outranked',
            'superseded',
            'in_future',
            'restated',
            'after_end',
            'after_arrival',
            'fell_with_beginning',
        ] %}
            and not {{ has_flag(alias ~ '.quality_flags', flag) }}
        {%- endfor %}
            and not {{ is_waiting_cancel(alias) }}
{%- endmacro %}
