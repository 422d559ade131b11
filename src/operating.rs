#![doc = include_str!("operating.md")]
#![doc = include_str!("../ops/dashboard.svg")]
