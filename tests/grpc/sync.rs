//! gRPC stacks that are `Sync`, and whose futures are. The test passes if it compiles.

use std::time::Duration;

use http::{Request, Response};
use tonic::{body::Body, transport::Channel};
use tower::{BoxError, ServiceBuilder, util::BoxCloneSyncService};
use tower_recourse::{
    BreakerConfig, BreakerError, BreakerLayer, RetryConfig, RetryLayer,
    grpc::{PeekLayer, peek::PeekedBody},
    retry::Timeouts,
};

use crate::{
    channel,
    greeter::greeter_client::GreeterClient,
    in_time, name,
    scripted_service::{Fate::Success, Host},
};

/// A stack that can be a field of a struct.
type Stack = BoxCloneSyncService<Request<Body>, Response<PeekedBody<Body>>, BoxError>;

fn stack(channel: Channel) -> Stack {
    ServiceBuilder::new()
        .map_err(BreakerError::into_boxed)
        .layer(RetryLayer::new(RetryConfig::grpc().timeouts(Timeouts::attempt(Duration::from_secs(20)))))
        .layer(BreakerLayer::new(BreakerConfig::grpc()))
        .map_err(BoxError::from)
        .layer(PeekLayer::new())
        .boxed_clone_sync()
        .service(channel)
}

#[tokio::test]
async fn a_whole_stack_can_be_boxed_by_service_builder() {
    fn is_send_and_sync<T: Send + Sync>(_: &T) {}
    let (serving, _host) = Host::playing(&[Success]).await;
    let stack = stack(channel(serving.address));
    is_send_and_sync(&stack);
    let answer = in_time(GreeterClient::new(stack).greet(name("Ann"))).await.unwrap();
    assert_eq!(answer.into_inner().text, "hello Ann");
}
