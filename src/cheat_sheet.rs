#![doc = include_str!("cheat_sheet.md")]
#![cfg_attr(not(feature = "testing"), allow(rustdoc::broken_intra_doc_links))]
