//! The parts of this run, and the saved state of parts that this run hasn't registered.

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
    envelope::{self, SavedPart, SavedParts},
};
use crate::{InvalidConfig, sanitize, time::Wall};

pub(super) struct Parts(Mutex<PartTable>);

struct PartTable {
    /// The state of each part as it was last saved.
    saved: SavedParts,
    /// The parts of this run.
    registered: BTreeMap<String, Arc<dyn AnyPart>>,
}

/// What `FileStore::register` did with the saved state of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restored {
    /// There was no saved state. The part is unchanged.
    Nothing,
    /// The part was restored.
    State {
        /// The age of the saved state, by wall clocks.
        age: Duration,
    },
    /// The part can't read the saved state, because a part of another type had the name before. The
    /// file was copied, and the part is unchanged.
    Unreadable,
}

impl Parts {
    pub(super) fn new(saved: SavedParts) -> Self {
        Self(Mutex::new(PartTable { saved, registered: BTreeMap::new() }))
    }

    /// Restores a part and adds it. The second value is the reason if the saved state can't be
    /// read.
    pub(super) fn keep<P: Persist>(&self, name: String, part: P) -> Result<(Restored, Option<String>), InvalidConfig> {
        const ALLOWED: &str = "a name that no other part of the store has";
        let saved = {
            let table = self.lock();
            if table.registered.contains_key(&name) {
                return Err(InvalidConfig::new("part", name, ALLOWED));
            }
            table.saved.get(&name).cloned()
        };
        // The lock isn't held here, because `restore` is user code.
        let restored = match saved {
            None => (Restored::Nothing, None),
            Some(SavedPart { saved_at, state }) => match serde_json::from_str(state.get()) {
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
        let mut table = self.lock();
        if table.registered.contains_key(&name) {
            return Err(InvalidConfig::new("part", name, ALLOWED));
        }
        table.registered.insert(name, Arc::new(part));
        Ok(restored)
    }

    /// Removes a part. Returns whether there was one.
    pub(super) fn forget(&self, name: &str) -> bool {
        let mut table = self.lock();
        let (registered, was_saved) = (table.registered.remove(name), table.saved.remove(name).is_some());
        drop(table);
        // Dropping the part runs user code, so the lock is released first.
        registered.is_some() || was_saved
    }

    /// The new content of the file, and the error of a part whose snapshot failed: its state in the
    /// file is older.
    pub(super) fn encode(&self) -> Result<(Vec<u8>, Option<StoreError>), StoreError> {
        let registered = self.lock().registered.clone();
        let mut trouble = None;
        for (name, part) in registered {
            let saved_at = Wall::now();
            match part.snapshot() {
                Ok(state) => {
                    let mut table = self.lock();
                    // The part may have been removed meanwhile.
                    if table.registered.get(&name).is_some_and(|registered| Arc::ptr_eq(registered, &part)) {
                        table.saved.insert(name, SavedPart { saved_at, state });
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

    // No user code runs while the lock is held.
    fn lock(&self) -> MutexGuard<'_, PartTable> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.lock().saved.keys().cloned().collect();
        f.debug_set().entries(names.iter().map(sanitize::quoted)).finish()
    }
}

/// A part without its snapshot type.
trait AnyPart: Send + Sync {
    fn snapshot(&self) -> Result<Box<RawValue>, String>;
}

impl<P: Persist> AnyPart for P {
    fn snapshot(&self) -> Result<Box<RawValue>, String> {
        match catch_unwind(AssertUnwindSafe(|| envelope::raw(&Persist::snapshot(self)))) {
            Ok(state) => state.map_err(|error| sanitize::message(error).to_string()),
            Err(_) => Err("its snapshot panicked".to_owned()),
        }
    }
}
