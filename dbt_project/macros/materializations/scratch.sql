{#- Steps of one run, in a catalogue that begins empty with it: one statement each. dbt's own table
    and view first build beside what stands there, then rename twice; here nothing stands there. -#}
{% materialization table, adapter="duckdb" %}
  {{ return(lakeward_replace(this.incorporate(type='table'), 'table')) }}
{% endmaterialization %}

{% materialization view, adapter="duckdb" %}
  {{ return(lakeward_replace(this.incorporate(type='view'), 'view')) }}
{% endmaterialization %}

{% macro lakeward_replace(target, kind) %}
  {{ run_hooks(pre_hooks) }}
  {% call statement('main') -%}
    create or replace {{ kind }} {{ target }} as (
    {{ sql }}
    )
  {%- endcall %}
  {{ run_hooks(post_hooks) }}
  {{ adapter.commit() }}
  {% do return({'relations': [target]}) %}
{% endmacro %}
