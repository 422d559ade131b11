use std::error::Error;

use tower::{load_shed::error::Overloaded, timeout::error::Elapsed};

use crate::{Delivery, Verdict, classify::links::is};

pub(super) fn verdict_of(link: &(dyn Error + 'static)) -> Option<Verdict> {
    if is::<Elapsed>(link) {
        return Some(Verdict::timed_out());
    }
    is::<Overloaded>(link).then(|| Verdict::throttled().delivery(Delivery::NotSent))
}
