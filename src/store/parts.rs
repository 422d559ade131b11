//! What is saved: the parts that this run knows, and those that it doesn't.

use std::{
    collections::BTreeMap,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde_json::value::RawValue;

use super::{
    Persist, StoreError,
    envelope::{self, Part},
};
use crate::{Invalid, sanitize, time::Wall};

pub(super) struct Parts(Mutex<Known>);

struct Known {
    /// Every part as it was saved last.
    saved: envelope::Parts,
    /// Those of this run.
    kept: BTreeMap<String, Arc<dyn Kept>>,
}

/// What became of the state that was saved of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restored {
    /// There was none: it is what it was.
    Nothing,
    /// It goes on with it.
    State {
        /// So long after it was saved, by wall clocks.
        age: Duration,
    },
    /// It isn't what this part can read, as another kind of part had the name before. There is a copy of the file, and it is
    /// what it was.
    Unreadable,
}

impl Parts {
    pub(super) fn new(saved: envelope::Parts) -> Self {
        Self(Mutex::new(Known { saved, kept: BTreeMap::new() }))
    }

    /// Restores a part and keeps it. With what is wrong with the state that was saved, if it can't be read.
    pub(super) fn keep<P: Persist>(&self, name: String, part: P) -> Result<(Restored, Option<String>), Invalid> {
        const ALLOWED: &str = "a name that no other part of the store has";
        let saved = {
            let known = self.lock();
            if known.kept.contains_key(&name) {
                return Err(Invalid::new("part", name, ALLOWED));
            }
            known.saved.get(&name).cloned()
        };
        // Not locked: this is the user's code.
        let restored = match saved {
            None => (Restored::Nothing, None),
            Some(Part { saved_at, state }) => match serde_json::from_str(state.get()) {
                Ok(snapshot) => {
                    let age = Wall::now().since(saved_at);
                    part.restore(snapshot, age);
                    (Restored::State { age }, None)
                }
                Err(error) => {
                    let (part, why) = (sanitize::quoted(&name), sanitize::message(error));
                    (Restored::Unreadable, Some(format!("the part {part} can't be read ({why})")))
                }
            },
        };
        let mut known = self.lock();
        if known.kept.contains_key(&name) {
            return Err(Invalid::new("part", name, ALLOWED));
        }
        known.kept.insert(name, Arc::new(part));
        Ok(restored)
    }

    /// Whether there was one.
    pub(super) fn forget(&self, name: &str) -> bool {
        let mut known = self.lock();
        let (kept, was_saved) = (known.kept.remove(name), known.saved.remove(name).is_some());
        drop(known);
        // The part is the user's, and is dropped after the lock.
        kept.is_some() || was_saved
    }

    /// The file as it is to be now; and what of it is older than that, because a part couldn't be taken down.
    pub(super) fn encode(&self) -> Result<(Vec<u8>, Option<StoreError>), StoreError> {
        let kept = self.lock().kept.clone();
        let mut trouble = None;
        for (name, part) in kept {
            let saved_at = Wall::now();
            match part.snapshot() {
                Ok(state) => {
                    let mut known = self.lock();
                    // It may have been forgotten meanwhile.
                    if known.kept.get(&name).is_some_and(|kept| Arc::ptr_eq(kept, &part)) {
                        known.saved.insert(name, Part { saved_at, state });
                    }
                }
                Err(why) => trouble = Some(StoreError::Part { name, why }),
            }
        }
        let file = envelope::encode(&self.lock().saved, Wall::now());
        let file = file
            .map_err(|error| StoreError::Part { name: "all".to_owned(), why: sanitize::message(error).to_string() })?;
        Ok((file, trouble))
    }

    // Nothing of the user's runs while it is locked.
    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.lock().saved.keys().cloned().collect();
        f.debug_set().entries(names.iter().map(sanitize::quoted)).finish()
    }
}

/// A part whose snapshot's type is forgotten.
trait Kept: Send + Sync {
    fn snapshot(&self) -> Result<Box<RawValue>, String>;
}

impl<P: Persist> Kept for P {
    fn snapshot(&self) -> Result<Box<RawValue>, String> {
        match catch_unwind(AssertUnwindSafe(|| envelope::raw(&Persist::snapshot(self)))) {
            Ok(state) => state.map_err(|error| sanitize::message(error).to_string()),
            Err(_) => Err("its snapshot panicked".to_owned()),
        }
    }
}
