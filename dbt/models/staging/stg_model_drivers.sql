select
    drivers.run_key,
    drivers.run_id,
    drivers.experiment_index,
    drivers.estimator,
    drivers.feature,
    drivers.mean_abs_shap,
    drivers.mean_shap,
    drivers.sample_count,
    drivers.source_file,
    drivers.line_number,
    drivers.loaded_at
from {{ source('raw', 'raw_model_drivers') }} as drivers
where {{ in_build_scope('drivers') }}
