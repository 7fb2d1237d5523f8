{#- The columns that every family of visit events (int__visit_event_*) has, whatever their order. -#}
{% macro visit_event_columns() -%}
event_seed,
        visit_key,
        patient_key,
        bed_key,
        location_key,
        exact_location_key,
        referral_key,
        order_key,
        event_type,
        occurred_at,
        recorded_at,
        scheduled_start_at,
        confidence,
        is_time_stated,
        cancels,
        cancelled_at,
        source_trigger,
        control_id,
        feed,
        source_system,
        source_ref
{%- endmacro %}
