use ::http_body::SizeHint;

/// The size hint of a body that first yields `read` buffered bytes and then `rest`.
pub(crate) fn with_read(read: u64, rest: &SizeHint) -> SizeHint {
    let mut hint = SizeHint::new();
    hint.set_lower(rest.lower().saturating_add(read));
    if let Some(upper) = rest.upper().and_then(|upper| upper.checked_add(read)) {
        hint.set_upper(upper);
    }
    hint
}
