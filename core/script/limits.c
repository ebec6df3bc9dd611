/* limits.c - see limits.h. */
#include "script/limits.h"

struct vm_limits limits_of(const struct settings *s)
{
    return (struct vm_limits){
        .memory_max = (size_t)s->memory_max_mb << 20,
        .cpu_ms = s->task_cpu_ms,
        .task_ms = (int64_t)s->task_timeout_s * 1000,
        .cpu_total_ms = s->task_cpu_total_ms,
        .slice_ms = s->task_slice_ms,
        .block_ms = s->task_block_ms,
        .pattern_steps = s->pattern_steps,
        .log_lines_per_s = s->script_lines_per_s,
        .breaker_failures = s->breaker_failures,
        .breaker_pause_ms = (int64_t)s->breaker_pause_s * 1000,
    };
}
