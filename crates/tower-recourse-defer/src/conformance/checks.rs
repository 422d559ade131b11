use super::{Harness, claims, dead_letters, storing};

/// Runs all checks, each on a new queue.
///
/// # Panics
///
/// If the queue behaves differently. The standard error has the name of the check.
pub async fn check_all(harness: &impl Harness) {
    macro_rules! check {
        ($($module:ident :: $check:ident),* $(,)?) => {
            $(
                eprintln!("checking: {}", stringify!($check).replace('_', " "));
                $module::$check(harness).await;
            )*
        };
    }
    check!(
        storing::a_key_is_stored_once,
        storing::a_payload_is_stored_unchanged,
        storing::a_payload_that_is_too_long_is_refused,
        storing::a_full_queue_refuses_new_keys,
        claims::due_jobs_are_claimed_in_order,
        claims::a_claimed_job_is_claimed_again_after_its_lease,
        claims::a_renewed_lease_lasts_longer,
        claims::an_ended_lease_that_no_other_worker_took_is_renewed,
        claims::a_lost_lease_changes_nothing,
        claims::a_lease_ends_with_its_outcome,
        claims::a_lease_of_a_purged_job_changes_nothing,
        claims::an_outcome_is_recorded,
        claims::simultaneous_claims_share_no_job,
        dead_letters::a_done_job_is_known_until_it_is_purged,
        dead_letters::dead_letters_are_listed_in_pages,
        dead_letters::a_dead_letter_is_requeued,
        dead_letters::all_dead_letters_are_requeued_at_a_rate,
        dead_letters::old_dead_letters_are_purged,
    );
}
