use std::error::Error;

use tower::{load_shed::error::Overloaded, timeout::error::Elapsed};

use crate::{Verdict, classify::links::is};

pub(super) fn verdict_of(link: &(dyn Error + 'static)) -> Option<Verdict> {
    if is::<Elapsed>(link) {
        return Some(Verdict::timed_out());
    }
    // The limit is on this side, so the error shows nothing about the service. A retry of it would
    // take a token although no call reached the service.
    is::<Overloaded>(link).then(|| Verdict::rejected(None))
}
