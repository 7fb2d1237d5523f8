{#- Whether an encounter of a class (of the canonical tables, after the code map) is one of an inpatient:
    of who lies in a bed and is discharged from it. An observation (OBSENC) is one unless the setting
    `observation_stay` says `other`. -#}
{% macro class_group(visit_class) -%}
case
        when {{ visit_class }} in ('IMP', 'SS'
            {%- if var('observation_stay') == 'inpatient' %}, 'OBSENC'{% endif %}) then 'inpatient'
        else 'other'
    end
{%- endmacro %}
