//! Tests of the retry, its budgets and its quota.

mod attempts;
mod budget;
mod budget_refunds;
mod budget_snapshot;
mod check_order;
mod deadline;
mod debug_output;
mod event_details;
mod idempotency;
mod nested_budgets;
mod overrides;
mod properties;
mod quota;
mod quota_refunds;
mod readiness;
mod rejected_retries;
mod rejections;
mod reported_requests;
mod request_budget;
mod reservations;
mod run;
mod run_lending;
mod server_delays;
mod spare_clones;
mod time_limits;
mod yields;

#[path = "../support/fixed_numbers.rs"]
mod fixed_numbers;
#[path = "../support/scripted.rs"]
mod scripted;
