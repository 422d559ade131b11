//! A circuit per method around a tonic channel.

use http::Request;
use tonic::{Code, body::Body};
use tower::ServiceBuilder;
use tower_recourse::{
    BreakerConfig, BreakerLayer, RetryLayer, State,
    breaker::TripRule,
    grpc::{PeekLayer, Unavailable},
};

use crate::fixed_numbers::FixedNumbers as _;
use crate::{
    channel, config,
    greeter::greeter_client::GreeterClient,
    in_time, name,
    scripted_service::{Fate::AtOnce, Host},
};

#[tokio::test]
async fn a_circuit_per_method_rejects_with_unavailable() {
    let (serving, host) = Host::playing(&[AtOnce]).await;
    let config_of_breaker =
        BreakerConfig::grpc().fixed_share().open_when(TripRule::consecutive(3).unwrap()).without_observers();
    let layer = BreakerLayer::keyed(config_of_breaker, |request: &Request<Body>| request.uri().path().to_owned())
        .on_rejection(Unavailable);
    let circuits = layer.circuits().clone();
    let service = ServiceBuilder::new()
        .layer(RetryLayer::new(config()))
        .layer(layer)
        .layer(PeekLayer::new())
        .service(channel(serving.address));
    let mut client = GreeterClient::new(service);
    let status = in_time(client.greet(name("Ann"))).await.unwrap_err();
    assert_eq!((status.message(), host.attempts()), ("not now", 3));

    let status = in_time(client.greet(name("Ann"))).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::Unavailable, "the service is not called for now"));
    assert!(status.metadata().contains_key("grpc-retry-pushback-ms"));
    assert_eq!(host.attempts(), 3, "the rejection isn't retried");
    let states = circuits.states();
    assert_eq!(states.len(), 1);
    assert!(states[0].0.ends_with("/Greet") && states[0].1 == State::Open, "{states:?}");
    drop(client);
    serving.ends().await;
}
