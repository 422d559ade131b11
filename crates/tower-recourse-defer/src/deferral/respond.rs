use crate::Receipt;

/// Makes the response for a request that was stored. A closure `|receipt: &Receipt| …` implements
/// it.
pub trait Respond<Res> {
    /// Makes the response.
    fn respond(&self, receipt: &Receipt) -> Res;
}

impl<F, Res> Respond<Res> for F
where
    F: Fn(&Receipt) -> Res,
{
    fn respond(&self, receipt: &Receipt) -> Res {
        self(receipt)
    }
}
