//! Classifier for tower-http 0.6. For tower-http 0.7, [`http`](crate::http) has
//! `TowerHttpClassifier`.

pub use super::tower_http_classifier::v06::TowerHttpClassifier;
