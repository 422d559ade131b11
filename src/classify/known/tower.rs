use std::error::Error;

use tower::{load_shed::error::Overloaded, timeout::error::Elapsed};

use super::is_known;
use crate::{Sent, Verdict};

pub(super) fn judge(link: &(dyn Error + 'static)) -> Option<Verdict> {
    if is_known::<Elapsed>(link) {
        return Some(Verdict::timed_out());
    }
    is_known::<Overloaded>(link).then(|| Verdict::throttled().sent(Sent::No))
}
