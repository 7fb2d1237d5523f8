{#- Text by which the events of one thing are folded: when they happened, then when they were recorded;
    of events that one record states of the same instant, the one that comes earlier in a visit
    (`lifecycle` of seed event_type). The id makes the order total. -#}
{% macro fold_order(event, event_type, event_id) -%}
{{ time_text(event ~ '.occurred_at') }}
        || {{ time_text(event ~ '.recorded_at') }}
        || lpad(cast({{ event_type }}.lifecycle as string), 3, '0')
        || {{ event_id }}
{%- endmacro %}
