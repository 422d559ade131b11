//! Tests of the programs in the cookbook. The page of each program lists the faults of an original
//! that the program corrects. The tests cover each requirement and each of these faults. They
//! include the code of the examples.

#[cfg(all(feature = "store", feature = "audit"))]
mod batch_runner;
#[cfg(feature = "tracing")]
mod coordinator;
#[cfg(all(feature = "text", feature = "store", feature = "tracing"))]
mod function_wrapper;
mod provider_ladder;
#[cfg(feature = "text")]
mod retry_worker;

#[cfg(all(feature = "store", feature = "audit"))]
#[path = "../support/file_size_limit.rs"]
mod file_size_limit;
#[path = "../support/fixed_numbers.rs"]
mod fixed_numbers;
#[path = "../support/scripted.rs"]
mod scripted;
#[cfg(feature = "tracing")]
#[path = "../support/thread_log.rs"]
mod thread_log;
