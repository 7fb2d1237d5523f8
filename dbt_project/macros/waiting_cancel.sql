{#- Whether an event is a cancel that found nothing to cancel and states no state: it moves nobody. -#}
{% macro is_waiting_cancel(alias) -%}
(
    {{ alias }}.to_state is null
    and (
        {{ has_flag(alias ~ '.quality_flags', 'pending_cancel') }}
        or {{ has_flag(alias ~ '.quality_flags', 'unmatched_cancel') }}
    )
)
{%- endmacro %}
