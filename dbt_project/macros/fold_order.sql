{#- Text by which the events of one thing are folded: when they happened, placed by its precision, then the
    statement order of the record. Of events that one record states of the same instant, the one that
    comes earlier in a visit (`lifecycle` of seed event_type). The id makes the order total. -#}
{% macro fold_order(event, event_type, event_id) -%}
{{ time_text(event ~ '.occurred_at') }}
        || {{ event }}.statement_order
        || lpad(cast({{ event_type }}.lifecycle as string), 3, '0')
        || {{ event_id }}
{%- endmacro %}

{#- What a fold order says of the record alone: all but lifecycle and id. -#}
{% macro record_order(fold_order) -%}
substr({{ fold_order }}, 1, length({{ fold_order }}) - 39)
{%- endmacro %}
