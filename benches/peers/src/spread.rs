/// The distribution of one figure over all rounds.
#[derive(Debug, Clone, Copy, Default)]
pub struct Spread {
    pub fastest: f64,
    pub lower: f64,
    pub median: f64,
    pub upper: f64,
}

impl Spread {
    pub fn of(mut all: Vec<f64>) -> Self {
        all.sort_unstable_by(f64::total_cmp);
        let at = |share: f64| all.get(((all.len() as f64 - 1.0) * share).round() as usize).copied().unwrap_or(f64::NAN);
        Self { fastest: at(0.0), lower: at(0.25), median: at(0.5), upper: at(0.75) }
    }
}
