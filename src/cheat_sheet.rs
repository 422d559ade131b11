#![doc = include_str!("cheat_sheet.md")]
