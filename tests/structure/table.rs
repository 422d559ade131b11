//! The table of rooms. `ARCHITECTURE.md` shows it too.

use crate::rooms::{
    MayImport::{AllAbove, Nothing, These},
    Room,
};

/// What the retry and the fallback may import: neither another layer nor a protocol edge.
const FOR_LAYERS: &[&str] =
    &["text", "time", "nouns", "building blocks", "call context", "events", "state files", "classifiers", "registry"];

/// The rooms. Each one may import only rooms before it.
#[rustfmt::skip]
pub(crate) const ROOMS: &[Room] = &[
    Room { name: "text", modules: &["sanitize"], imports: Nothing },
    Room { name: "time", modules: &["time"], imports: Nothing },
    Room {
        name: "nouns",
        modules: &["attempt", "body_elapsed", "boxed_error", "call_report", "cause", "description", "elapsed", "failure", "failure_info", "invalid_config", "name", "outcome", "ratio", "verdict"],
        imports: These(&["text", "time"]),
    },
    Room {
        name: "building blocks",
        modules: &["clone_source", "cold_option", "random", "readiness", "reservation", "service", "sharded_arc", "sync"],
        imports: Nothing,
    },
    Room { name: "call context", modules: &["boundary", "call_context"], imports: These(&["nouns", "building blocks"]) },
    Room { name: "files", modules: &["background_log", "private_file"], imports: These(&["text"]) },
    Room { name: "events", modules: &["observe"], imports: These(&["text", "time", "nouns", "files"]) },
    Room { name: "metrics", modules: &["metrics"], imports: These(&["text", "nouns", "events"]) },
    Room { name: "state files", modules: &["store"], imports: These(&["text", "time", "nouns", "files", "events"]) },
    Room { name: "rejections", modules: &["breaker/rejection", "breaker/state"], imports: These(&["nouns", "call context"]) },
    Room { name: "client errors", modules: &["reqwest_error"], imports: These(&["nouns", "rejections"]) },
    Room {
        name: "classifiers",
        modules: &["classify"],
        imports: These(&["time", "nouns", "call context", "rejections", "client errors"]),
    },
    Room { name: "reports", modules: &["report"], imports: These(&["text", "nouns", "building blocks", "call context", "classifiers"]) },
    Room { name: "spans", modules: &["spans"], imports: These(&["text", "nouns", "building blocks", "call context", "events", "classifiers"]) },
    Room { name: "registry", modules: &["registry"], imports: These(&["text", "nouns", "events", "metrics", "rejections"]) },
    Room { name: "breaker: generations", modules: &["breaker/generation", "breaker/micros"], imports: These(&["building blocks"]) },
    Room { name: "breaker: groups", modules: &["breaker/group"], imports: These(&["nouns", "building blocks"]) },
    Room {
        name: "breaker: windows",
        modules: &["breaker/window"],
        imports: These(&["time", "building blocks", "breaker: generations"]),
    },
    // The transitions are pure: no clock and no atomics.
    Room {
        name: "breaker: transitions",
        modules: &["breaker/transition"],
        imports: These(&["nouns", "rejections", "breaker: generations", "breaker: windows"]),
    },
    Room {
        name: "breaker: cell",
        modules: &["breaker/cell"],
        imports: These(&["building blocks", "rejections", "breaker: generations", "breaker: groups", "breaker: windows", "breaker: transitions"]),
    },
    Room { name: "breaker: config", modules: &["breaker/config"], imports: AllAbove },
    Room { name: "breaker: core", modules: &["breaker/core"], imports: AllAbove },
    Room { name: "breaker: permits", modules: &["breaker/permit"], imports: AllAbove },
    Room { name: "breaker: one call", modules: &["breaker/call"], imports: AllAbove },
    Room { name: "breaker: circuits", modules: &["breaker/circuit"], imports: AllAbove },
    Room { name: "breaker: admission", modules: &["breaker/admission"], imports: AllAbove },
    Room { name: "breaker: service", modules: &["breaker/future", "breaker/service"], imports: AllAbove },
    Room { name: "breaker: layer", modules: &["breaker/layer", "breaker/mod"], imports: AllAbove },
    Room { name: "breaker: keyed", modules: &["breaker/keyed"], imports: AllAbove },
    Room { name: "retry", modules: &["retry"], imports: These(FOR_LAYERS) },
    Room { name: "fallback", modules: &["fallback"], imports: These(FOR_LAYERS) },
    Room { name: "http", modules: &["http"], imports: AllAbove },
    Room { name: "grpc", modules: &["grpc"], imports: AllAbove },
    Room { name: "reqwest", modules: &["reqwest"], imports: AllAbove },
    Room { name: "testing kit", modules: &["testing"], imports: AllAbove },
    Room { name: "pages", modules: &["cheat_sheet", "coming_from", "cookbook", "costs", "integrations", "operating"], imports: Nothing },
];
