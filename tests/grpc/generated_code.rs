//! The generated code matches the `.proto` file beside it.

const PROTO: &str = include_str!("greeter.proto");
const GENERATED: &str = include_str!("greeter.rs");

/// The texts between `before` and `after`, wherever they occur.
fn between<'a>(text: &'a str, before: &'a str, after: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(before).skip(1).map(move |rest| rest.split_once(after).expect("it has an end").0)
}

/// The kind of call that a method's types imply, as the name of tonic's function.
fn kind(method: &str) -> &'static str {
    let (takes, gives) = method.split_once("returns").unwrap();
    match (takes.contains("stream "), gives.contains("stream ")) {
        (false, false) => "unary",
        (true, false) => "client_streaming",
        (false, true) => "server_streaming",
        (true, true) => "streaming",
    }
}

#[test]
fn methods_match_the_proto() {
    let in_proto: Vec<_> = between(PROTO, "rpc ", ";")
        .map(|method| (format!("/greeter.Greeter/{}", method.split_once('(').unwrap().0), kind(method)))
        .collect();
    let client = between(GENERATED, "pub mod greeter_client", "pub mod greeter_server").next().unwrap();
    let paths = between(client, "from_static(", ")").map(|path| path.split('"').nth(1).unwrap().to_owned());
    let kinds = client.split("self.inner.").filter_map(|call| call.split_once("(req,")).map(|(kind, _)| kind);
    assert_eq!(in_proto.len(), 4);
    assert_eq!(paths.zip(kinds).collect::<Vec<_>>(), in_proto);
}

#[test]
fn messages_match_the_proto() {
    let in_proto: Vec<_> = between(PROTO, "message ", "}").map(|message| message.replace([' ', '\n'], "")).collect();
    let generated: Vec<_> = between(GENERATED, "pub struct ", "\n}")
        .filter(|item| item.contains("#[prost("))
        .map(|message| {
            let (name, field) = message.split_once('{').unwrap();
            let tag = between(field, "tag = \"", "\"").next().unwrap();
            let kind = between(field, "prost(", ",").next().unwrap();
            let field = between(field, "pub ", ":").next().unwrap();
            format!("{}{{{kind}{field}={tag};", name.trim())
        })
        .collect();
    assert_eq!(in_proto, ["Name{stringname=1;", "Greeting{stringtext=1;"]);
    assert_eq!(generated, in_proto);
}
